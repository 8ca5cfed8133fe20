package local

import (
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Status is how the agent does, as far as the caller may know.
type Status struct {
	Version      string          `json:"version"`
	PID          int             `json:"pid"`
	StartedAt    time.Time       `json:"started_at"`
	ConfiguredAt time.Time       `json:"configured_at"`     // when the configuration was last read
	Address      string          `json:"address,omitempty"` // of the TCP port, as 127.0.0.1:8470
	Clients      []ClientStatus  `json:"clients,omitempty"` // that the caller may be, by name
	Profiles     []ProfileStatus `json:"profiles"`          // those that the caller may use, by name

	// Refusals are calls that policies have refused, the latest first: of profiles that the caller may
	// use, and of clients that it may be.
	Refusals []Refusal `json:"refusals,omitempty"`

	// Caller is who asks, if that is somebody on another machine. nil: it is not.
	Caller *RemoteCaller `json:"caller,omitempty"`

	// TLS is how the agent and other machines know each other. nil: they do not.
	TLS *TLSStatus `json:"tls,omitempty"`

	// Fleet is the members of which the agent is one, and which of them leads. nil: it is none.
	Fleet *FleetStatus `json:"fleet,omitempty"`

	// Problem is what is wrong with the agent as a whole: that nothing can be written down. nil:
	// nothing.
	Problem *agent.Problem `json:"problem,omitempty"`
}

// RemoteCaller is a caller on another machine.
type RemoteCaller struct {
	Certificate string    `json:"certificate"`       // the name in it: a SPIFFE id or a DNS name
	Clients     []string  `json:"clients,omitempty"` // that it is
	Address     string    `json:"address"`           // of the machine
	At          time.Time `json:"at,omitzero"`       // of its last request
}

// TLSStatus is the agent's certificate for other machines, and who has come with one.
type TLSStatus struct {
	Address  string    `json:"address,omitempty"`  // of the port, as 0.0.0.0:8471; "": there is none
	Names    []string  `json:"names,omitempty"`    // of the certificate in use; none: there is none
	NotAfter time.Time `json:"not_after,omitzero"` // its end
	Problem  string    `json:"problem,omitempty"`  // why the files as they are now cannot be used

	// Callers are those of the last hour, the latest first. Only administrators see them.
	Callers []RemoteCaller `json:"callers,omitempty"`
}

// Member is what a member of a fleet tells others about itself.
type Member struct {
	Address string    `json:"address"`           // as members has it
	Version string    `json:"version"`           // of the program
	Time    time.Time `json:"time"`              // by its clock
	Fit     bool      `json:"fit"`               // it can lead
	Problem string    `json:"problem,omitempty"` // why it cannot
	Leads   bool      `json:"leads"`             // it does
	Since   time.Time `json:"since,omitzero"`    // when it began to

	// CannotReach are the other members that have not answered it the last time.
	CannotReach []UnreachedMember `json:"cannot_reach,omitempty"`
}

// UnreachedMember is a member that does not answer another one.
type UnreachedMember struct {
	Address string `json:"address"`
	Why     string `json:"why"`
}

// FleetStatus is how a fleet does, as one member sees it.
type FleetStatus struct {
	Address string        `json:"address"`           // of this member
	Leader  string        `json:"leader,omitempty"`  // the address of the member that leads; "": that is not known yet
	Since   time.Time     `json:"since,omitzero"`    // when it began to, as far as this member has seen it
	Why     string        `json:"why,omitempty"`     // it leads, and no other
	Epoch   uint64        `json:"epoch,omitempty"`   // counts the leads, where the election does
	Trouble string        `json:"trouble,omitempty"` // what keeps the election from knowing better
	Members []FleetMember `json:"members"`           // all, in the order in which they lead
}

// FleetMember is a member as another one sees it.
type FleetMember struct {
	Member
	Self        bool   `json:"self,omitempty"`        // it is the one that tells this
	Unreachable string `json:"unreachable,omitempty"` // why it does not answer; the rest is what it has said last

	// ClockAhead is by how many seconds its clock is ahead of this agent's, where that is enough to matter.
	ClockAhead int `json:"clock_ahead_seconds,omitempty"`
}

// Refusal is what a rule that is missing has kept a client from, since the agent was started.
type Refusal struct {
	At      time.Time `json:"at"`     // of the latest
	Client  string    `json:"client"` // "client:nightly", or "user:1000" for a user that is none
	Profile string    `json:"profile"`
	Method  string    `json:"method"` // of the latest, and its path without the query
	Path    string    `json:"path"`
	Rule    string    `json:"rule,omitempty"` // that would allow it; "": none can
	Count   int       `json:"count"`
}

// ReloadAnswer answers a reload.
type ReloadAnswer struct {
	Warnings []string `json:"warnings,omitempty"`
}

// StopAnswer answers a request to end.
type StopAnswer struct {
	PID int `json:"pid"` // of the process that is about to end
}

// ClientStatus is a client of the agent's configuration.
type ClientStatus struct {
	Name    string   `json:"name"`
	Profile string   `json:"profile"`
	Policy  []string `json:"policy"`
}

// ProfileStatus is how one profile does.
type ProfileStatus struct {
	Name string `json:"name"`
	agent.Status
	Details
}

// Details are what a profile's Keeper does not know.
type Details struct {
	Keys        int       `json:"keys,omitempty"`         // how many there are, if several
	Key         int       `json:"key,omitempty"`          // the one of them in use, from 1
	Warning     string    `json:"warning,omitempty"`      // that the certificate is about to end
	HeldUntil   time.Time `json:"held_until,omitzero"`    // Anaplan has asked for patience (429): no call is sent before
	WarningDays int       `json:"warning_days,omitempty"` // how many days before the end it was due

	// Region is where Anaplan is, as "us1"; "": the profile names hosts of its own.
	Region string `json:"region,omitempty"`

	// Proxy is how the agent reaches Anaplan: the host and port of a proxy, or [Direct]. "": it does
	// not say.
	Proxy string `json:"proxy,omitempty"`

	// Member is the agent that logs in and makes the calls, as "agent-1.example:8471". "": this one does.
	Member string `json:"member,omitempty"`

	// TokenFile is why the file that the token is written to is not as the token is.
	TokenFile *agent.Problem `json:"token_file,omitempty"`
}

// Direct says that there is no proxy.
const Direct = "none"

// DefaultProfile is the one that is meant where none is named.
const DefaultProfile = "default"

// Yes is how a person's consent is given. No is how a caller says that it does not ask for a token.
const (
	Yes = "yes"
	No  = "no"
)

// TokenBody is the answer to a login, a refresh and a validation.
type TokenBody struct {
	Meta    TokenMeta  `json:"meta"`
	Status  string     `json:"status"`
	Message string     `json:"statusMessage"`
	Token   TokenInfo  `json:"tokenInfo"`
	User    *TokenUser `json:"userInfo,omitempty"`
}

type TokenMeta struct {
	ValidationURL string `json:"validationUrl"`
}

type TokenInfo struct {
	ID        string `json:"tokenId"`
	Value     string `json:"tokenValue,omitempty"`
	ExpiresAt int64  `json:"expiresAt"` // milliseconds
	RefreshID string `json:"refreshTokenId,omitempty"`
}

type TokenUser struct {
	GUID         string `json:"userGuid"`
	ID           string `json:"userId"`
	CustomerGUID string `json:"customerGuid"`
}

// UnlockOptions are what a person has said with an unlock. They count once, for the login to come.
type UnlockOptions struct {
	LastTry    bool // the last try may be spent on the PIN
	PINChanged bool // a PIN that was refused has been replaced where it lies
}

// Headers between the agent and its callers. They are never sent to Anaplan.
const (
	HeaderProblem = "Anaplan-Agent-Problem" // in answers: this is the agent's own, not Anaplan's
	HeaderProfile = "Anaplan-Agent-Profile" // in requests on the unix socket: for which profile
	HeaderClient  = "Anaplan-Agent-Client"  // in requests on the unix socket: as which client
	HeaderFor     = "Anaplan-Agent-For"     // in requests of a member of the fleet: for whom they are
	HeaderCaller  = "Anaplan-Agent-Caller"  // likewise: who has called it
)
