package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// Fleet is what a member of a fleet has: what others forward to it is made here, for those and by the
// policies of those whom they name. All must be there.
type Fleet struct {
	// IsMember reports whether somebody is a member by one of the names in its certificate.
	IsMember func(names []string) bool

	// Own are the profiles, as Config.Profiles are where this member leads.
	Own func() map[string]*Profile

	Member func() local.Member       // what other members are told
	Status func() *local.FleetStatus // what this machine's users are told
}

// memberKind is in front of the name of a member.
const memberKind = "member:"

// device returns the Keeper of the key on this machine.
func (p *Profile) device() *agent.Keeper {
	if p.Device != nil {
		return p.Device
	}
	return p.Keeper
}

// profiles returns the profiles that a call is made with: this agent's own ones for a member, so that no
// call goes round in circles.
func (c *call) profiles() map[string]*Profile {
	if c.origin != nil {
		return c.server.config.Fleet.Own()
	}
	return c.server.config.Profiles()
}

// isMember reports whether another member of the fleet is calling.
func (c *call) isMember() bool {
	return c.server.config.Fleet != nil && c.caller.mutual && c.server.config.Fleet.IsMember(c.caller.remote.Names)
}

// meetMember notes whose call a member makes. Nobody else may say that of a call.
func (c *call) meetMember() *agent.Problem {
	if !fleet.IsTold(c.r.Header) {
		return nil
	}
	if !c.isMember() {
		problem := agent.Problemf(agent.CodeNotAllowed, "only a member of this agent's fleet says for whom it calls, and %s is not one", strings.Join(c.caller.remote.Shown, ", "))
		problem.Hints = []string{"trust, under [fleet] in the configuration of the agent that is called, names who may be a member"}
		return c.refused(problem, Record{Call: c.refusedCall()})
	}
	origin, err := fleet.Read(c.r.Header)
	if err != nil {
		return agent.Problemf(agent.CodeBadRequest, "%v", err)
	}
	c.origin = &origin
	return nil
}

// memberPrincipal returns for whom a member calls: by its word, and with what this agent's configuration
// says of that client.
func memberPrincipal(c *call) (*principal, *agent.Problem) {
	if name, isClient := strings.CutPrefix(c.origin.For, fleet.ClientKind); isClient {
		client := c.server.config.Clients()[name]
		if client == nil {
			problem := agent.Problemf(agent.CodeNotAllowed, "the member %s, which leads, has no client %s", c.server.config.Fleet.Member().Address, shown(name))
			problem.Hints = []string{"members have the same clients: write the table of this one into the configuration there, too, and then: anaplan-agent reload"}
			return nil, c.refused(problem, Record{Call: c.refusedCall(), Client: unknownClient})
		}
		return ofClient(c, name, client)
	}
	name := c.r.Header.Get(local.HeaderProfile)
	profile := c.profiles()[name]
	if profile == nil {
		problem := agent.Problemf(agent.CodeUnknownProfile, "the member %s, which leads, has no profile %s", c.server.config.Fleet.Member().Address, shown(name))
		problem.Hints = []string{"members have the same profiles, each with a key of its own"}
		return nil, problem
	}
	member := c.certificateOf("")
	if user, isUser := strings.CutPrefix(c.origin.For, fleet.UserKind); isUser {
		return &principal{name: userKind + user + "@" + member, profileName: name, profile: profile}, nil
	}
	if c.route == forwardedRoute && c.r.Method != http.MethodGet {
		return nil, agent.Problemf(agent.CodeNotAllowed, "a member itself only looks things up")
	}
	return &principal{name: memberKind + member, profileName: name, profile: profile, isMember: true}, nil
}

// ownContext is the context of what is asked on a call's account, and not for its caller.
func (c *call) ownContext() context.Context {
	return fleet.With(c.r.Context(), fleet.Origin{Here: c.origin != nil})
}

// told returns the request with what another member is told of whose it is.
func (c *call) told(who *principal) *http.Request {
	if c.server.config.Fleet == nil {
		return c.r
	}
	origin := fleet.Origin{For: who.name, Here: c.origin != nil}
	if user, isUser := strings.CutPrefix(who.name, userKind); isUser {
		origin.For = userKind + local.NameOf(user)
	}
	switch {
	case c.caller.mutual:
		origin.Caller = fleet.CertificateKind + c.certificateOf(who.name)
	case c.caller.network:
		origin.Caller = fleet.CallerTCP
	default:
		origin.Caller = fleet.UserKind + nameOf(c.caller.peer)
	}
	return c.r.WithContext(fleet.With(c.r.Context(), origin))
}

// serveMember tells a member how this one does, and nobody else.
func serveMember(c *call) *agent.Problem {
	if c.origin == nil {
		c.status = http.StatusNotFound
		return agent.Problemf(agent.CodeBadRequest, "there is nothing at %s, but for a member of a fleet", c.route)
	}
	c.sendJSON(http.StatusOK, c.server.config.Fleet.Member())
	return nil
}

// fleetStatus says how the fleet does, to users of this machine.
func (c *call) fleetStatus() *local.FleetStatus {
	if c.server.config.Fleet == nil || c.caller.mutual {
		return nil
	}
	return c.server.config.Fleet.Status()
}
