package server

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

// principal is what a call is made for: a client, or a user of the machine that may use a profile.
type principal struct {
	name        string // "client:nightly" or "user:1000"
	profileName string
	user        string // that its phantom token is bound to; "": none
	profile     *Profile
	client      *Client // nil: it is a user
	isMember    bool    // it is a member of the fleet itself, which has policies of its own
}

// Kinds of principals, in front of their names.
const (
	clientKind = "client:"
	userKind   = "user:"
)

// shown names a principal in words.
func (p *principal) shown() string {
	return inWords(p.name)
}

// inWords says "client nightly" of a principal's name, and "user etl".
func inWords(name string) string {
	if user, ok := strings.CutPrefix(name, userKind); ok {
		return "user " + local.NameOf(user)
	}
	return strings.Replace(name, ":", " ", 1)
}

// principalOf returns what the request is made for, as the Authorization header shows it; without
// one, the user that the kernel says is calling.
func principalOf(c *call) (*principal, *agent.Problem) {
	header := c.r.Header["Authorization"]
	switch {
	case c.caller.mutual:
		return remotePrincipal(c)
	case c.via != nil && !showsToken(c):
		return c.via.proof.principal(c)
	case len(header) == 0 && c.caller.network:
		return nil, stranger(c, "there is no Authorization header, and over TCP nothing else says who is calling")
	case len(header) == 0:
		return peerPrincipal(c, local.As{Profile: c.r.Header.Get(local.HeaderProfile), Client: c.r.Header.Get(local.HeaderClient)})
	case len(header) > 1:
		return nil, agent.Problemf(agent.CodeBadRequest, "there are %d Authorization headers; send one", len(header))
	}
	if name, secret, ok := c.r.BasicAuth(); ok {
		return clientPrincipal(c, name, secret)
	}
	if isBasic(header) {
		return nil, stranger(c, unreadable("Authorization"))
	}
	if token, ok := tokenIn(header[0]); ok {
		held, problem := findPhantom(c, token)
		if problem != nil {
			return nil, problem
		}
		return holderPrincipal(c, held.Holder)
	}
	return nil, stranger(c, "this agent does not take that Authorization header: send Basic with a client's name and its secret or a phantom token, or AnaplanAuthToken with a token of this agent's")
}

// showsToken reports whether a call is made with a token that the caller has got at a login. A login
// is not.
func showsToken(c *call) bool {
	header := c.r.Header["Authorization"]
	if len(header) != 1 || c.route == authenticateRoute {
		return false
	}
	_, ok := tokenIn(header[0])
	return ok
}

// tokenIn returns the token of a header. The API takes Bearer, too (contract section 6).
func tokenIn(header string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(header, " ")
	ok = token != "" && (strings.EqualFold(scheme, "AnaplanAuthToken") || strings.EqualFold(scheme, "Bearer"))
	return token, ok
}

// isBasic reports whether a login is of the kind Basic.
func isBasic(header []string) bool {
	scheme, _, _ := strings.Cut(header[0], " ")
	return strings.EqualFold(scheme, "Basic")
}

// unreadable says how a Basic login is written, of one that is written in another way: with two blanks,
// without a colon, or as base64 breaks its lines.
func unreadable(header string) string {
	return "the Basic login in " + header + " cannot be read: after the word Basic and one blank it is NAME:SECRET in base64, on one line"
}

// stranger refuses a caller that does not show what it is.
func stranger(c *call, why string) *agent.Problem {
	return c.refused(agent.Problemf(agent.CodeUnauthorized, "%s", why), Record{})
}

// unwritten counts refusals that have no line of their own, and logs them once a minute.
type unwritten struct {
	count atomic.Int64
	tell  rate.Sometimes
}

func (u *unwritten) note(log *slog.Logger, who string) {
	u.count.Add(1)
	u.tell.Do(func() {
		log.Warn("more is refused than is written down", "caller", inWords(who), "refusals", u.count.Swap(0))
	})
}

// peerPrincipal returns the user at the other end, or the client that this user is.
func peerPrincipal(c *call, as local.As) (*principal, *agent.Problem) {
	name, profile := as.Client, as.Profile
	if name != "" {
		return asClient(c, name)
	}
	if profile == "" {
		profile = local.DefaultProfile
		if names := clientsOfPeer(c); len(names) > 0 && !mayProfile(c, profile) {
			if len(names) > 1 {
				problem := agent.Problemf(agent.CodeBadRequest, "user %s is several clients, %s: say which one", nameOf(c.caller.peer), strings.Join(names, ", "))
				problem.Hints = []string{"commands take --client NAME, other programs send the header " + local.HeaderClient + ": NAME"}
				return nil, problem
			}
			return asClient(c, names[0])
		}
	}
	c.arguments.profile = profile
	found, problem := profileOf(c)
	if problem != nil {
		return nil, problem
	}
	return &principal{name: userName(c.caller.peer), profileName: profile, profile: found}, nil
}

func userName(peer local.Peer) string { return userKind + peer.User() }

// nameOf names a user for people, and as allow and users take it.
func nameOf(peer local.Peer) string { return local.NameOf(peer.User()) }

func mayProfile(c *call, name string) bool {
	profile := c.server.config.Profiles()[name]
	return profile != nil && c.caller.may(profile)
}

// clientsOfPeer names the clients that the user at the other end is.
func clientsOfPeer(c *call) (names []string) {
	clients := c.server.config.Clients()
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		if c.caller.is(clients[name]) {
			names = append(names, name)
		}
	}
	return names
}

// asClient returns the client of that name, if the user at the other end is it or may use
// all that it may.
func asClient(c *call, name string) (*principal, *agent.Problem) {
	client := c.server.config.Clients()[name]
	if client == nil || !c.caller.is(client) && !mayProfile(c, client.Profile) {
		return nil, c.refused(noClient(c, name), Record{Client: knownClient(c, name)})
	}
	return ofClient(c, name, client)
}

// noClient says that the caller is not a client. An administrator is told which clients there are.
func noClient(c *call, name string) *agent.Problem {
	if c.caller.admin {
		problem := agent.Problemf(agent.CodeUnknownProfile, "the agent has no client %s", shown(name))
		if names := slices.Sorted(maps.Keys(c.server.config.Clients())); len(names) > 0 {
			problem.Message += "; it has " + strings.Join(names[:min(len(names), 20)], ", ")
		}
		problem.Hints = []string{"if it was just added to the configuration: anaplan-agent reload"}
		return problem
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "user %s may not be the client %s, or there is none of that name", nameOf(c.caller.peer), shown(name))
	problem.Hints = []string{fmt.Sprintf("in the agent's configuration: users = [%q] in the client's table, and then: anaplan-agent reload", userKind+nameOf(c.caller.peer))}
	return problem
}

// unknownClient stands for a name that no client has. People give their secret in its place.
const unknownClient = clientKind + "?"

// knownClient returns how a client is written down.
func knownClient(c *call, name string) string {
	if c.server.config.Clients()[name] == nil {
		return unknownClient
	}
	return clientKind + name
}

func ofClient(c *call, name string, client *Client) (*principal, *agent.Problem) {
	profile := c.profiles()[client.Profile]
	if profile == nil {
		return nil, agent.Problemf(agent.CodeUnknownProfile, "the agent has no profile %s, for which the client %s acts", shown(client.Profile), shown(name))
	}
	return &principal{name: clientKind + name, profileName: client.Profile, profile: profile, client: client}, nil
}

// clientPrincipal returns the client that has shown its secret, or a phantom token in its place. Which of the two is wrong
// is not said, and takes no other time.
func clientPrincipal(c *call, name, secret string) (*principal, *agent.Problem) {
	client := c.server.config.Clients()[name]
	if !client.hasSecret(secret) {
		if phantom.Is(secret) {
			return passwordPrincipal(c, name, secret)
		}
		problem := agent.Problemf(agent.CodeUnauthorized, "there is no client of that name with that secret")
		problem.Hints = []string{"if the configuration was changed: anaplan-agent reload; if the secret is lost: anaplan-agent client new NAME --secret-only --output FILE"}
		return nil, c.refused(problem, Record{Client: knownClient(c, name)})
	}
	return ofClient(c, name, client)
}

// passwordPrincipal returns the client whose phantom token is shown in the place of its secret, as
// programs do that take a user and a password on their command line: a token ends with the program
// that it was made for, and a secret stays what it is.
func passwordPrincipal(c *call, name, token string) (*principal, *agent.Problem) {
	held, problem := findPhantom(c, token)
	if problem != nil {
		return nil, problem
	}
	if held.Client != clientKind+name {
		problem := agent.Problemf(agent.CodeUnauthorized, "the token in the place of the password is not one of the client %s", shown(name))
		problem.Hints = []string{"exec --phantom --client NAME has the name in ANAPLAN_AGENT_CLIENT and the token in ANAPLAN_TOKEN"}
		return nil, c.refused(problem, Record{Client: held.Client, Profile: held.Profile})
	}
	return boundPrincipal(c, held)
}

// boundPrincipal returns what a phantom token stands for with which others can be asked for: they are
// bound to the same user, and end with it.
func boundPrincipal(c *call, held phantom.Token) (*principal, *agent.Problem) {
	who, problem := holderPrincipal(c, held.Holder)
	if problem != nil {
		return nil, problem
	}
	who.user, c.parent = held.User, cmp.Or(held.Parent, held.ID)
	return who, nil
}

// hasSecret reports whether it is the client's; nil has none.
func (p *Client) hasSecret(secret string) bool {
	want := make([]byte, sha256.Size) // no secret has this hash
	if p != nil && p.Secret != nil {
		want = p.Secret
	}
	got := sha256.Sum256([]byte(strings.TrimRight(secret, "\r\n\t "))) // it comes out of a file
	return subtle.ConstantTimeCompare(got[:], want) == 1
}

// findPhantom finds a phantom token that the caller has shown. That of another user is refused: it must
// have been stolen.
func findPhantom(c *call, token string) (phantom.Token, *agent.Problem) {
	held, err := c.server.config.Phantoms.Find(token)
	if err != nil {
		return phantom.Token{}, badPhantom(c, err)
	}
	if isStolen(c, held.User) {
		problem := agent.Problemf(agent.CodeUnauthorized, "the token belongs to another user")
		if c.caller.mutual || strings.HasPrefix(held.User, certificateKind) {
			problem.Message = "the token was not made for this caller"
		}
		return phantom.Token{}, c.refused(problem, Record{Client: held.Client, Profile: held.Profile})
	}
	return held, nil
}

// badPhantom says what is wrong with a token. One that has ended is nothing unusual,
// and is not written down.
func badPhantom(c *call, err error) *agent.Problem {
	problem := agent.Problemf(agent.CodeUnauthorized, "%v", err)
	problem.Hints = []string{"log in again: POST /token/authenticate"}
	if err == phantom.ErrUnknown {
		problem.Message = "this agent has not made the token, or it was started again since; a token of Anaplan's own does not work here"
		return c.refused(problem, Record{})
	}
	return problem
}

// holderPrincipal returns what a phantom token stands for, as the configuration is now.
func holderPrincipal(c *call, holder phantom.Holder) (*principal, *agent.Problem) {
	if name, ok := strings.CutPrefix(holder.Client, clientKind); ok {
		client := c.server.config.Clients()[name]
		if client == nil {
			return nil, stranger(c, "the client "+shown(name)+" is not in the agent's configuration any more")
		}
		return ofClient(c, name, client)
	}
	profile := c.profiles()[holder.Profile]
	if profile == nil {
		return nil, agent.Problemf(agent.CodeUnknownProfile, "the agent has no profile %s any more", shown(holder.Profile))
	}
	if !c.caller.network && !c.caller.may(profile) { // groups change
		return nil, c.deny("the profile " + shown(holder.Profile))
	}
	return &principal{name: holder.Client, profileName: holder.Profile, profile: profile}, nil
}
