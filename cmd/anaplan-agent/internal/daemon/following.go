package daemon

// A profile of a member of a fleet, while another member leads.

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/edge"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// following is the way to the member that leads.
type following struct {
	members *edge.Members
	keeper  *agent.Keeper // of tokens of that member's
	user    userBox
}

// follow makes the way to the member that leads, on which calls come back here where none can be reached.
// own makes them here.
func (p *servedProfile) follow(own http.RoundTripper) http.RoundTripper {
	m := p.process.fleet
	var addresses []memberuri.URI
	for _, address := range m.config.Members {
		member, _ := memberuri.Parse(memberuri.Scheme + ":https://" + address) // config has made sure
		addresses = append(addresses, member)
		if address != m.config.Address {
			p.process.metrics.Forwards(address)
		}
	}
	f := &following{}
	f.members = edge.New(edge.Config{
		Members: addresses, Identity: p.process.remote.identity, Logger: p.process.log.With("profile", p.profile.Name),
		Back: func() { f.keeper.Reconsider() }, Sent: p.process.metrics.Forwarded,
		Lead: &edge.Lead{
			Self: m.config.Address, Trust: m.config.Trust,
			Who: m.who, After: m.after, Here: func(ctx context.Context) bool { return fleet.From(ctx).Here }, Suspect: m.election.Suspect,
			Introduce: func(ctx context.Context, header http.Header) {
				fleet.From(ctx).Write(header)
				header.Set(local.HeaderProfile, p.profile.Name)
			},
			Own: made{p, own}, Ready: p.ready, Identify: p.identify,
		},
	})
	f.keeper = agent.NewKeeper(agent.KeeperConfig{
		Sign: f.members.Sign, Exchange: recordedExchange{f.members, p.process.mayAct}, Refused: isRefusedToken,
		Explain: p.process.errors.ProblemForAgent, Idle: p.profile.Idle, Timeout: p.profile.Timeout, Memory: &p.process.memory,
		Generation: uint64(time.Now().UnixMilli()),
	})
	f.user = userBox{keeper: f.keeper, client: f.members, explain: p.process.errors.ProblemForAgent}
	p.following = f
	return f.members
}

// ready has this agent log in, and returns until when its token is good.
func (p *servedProfile) ready(ctx context.Context) (time.Time, error) {
	lease, err := p.keeper.Token(ctx, nil)
	if err != nil {
		p.noteFit()
	}
	return lease.Token.ExpiresAt, err
}

// identify says whose this agent's own calls are.
func (p *servedProfile) identify(ctx context.Context) (anaplan.Identity, error) {
	user, err := p.user.identify(ctx)
	return anaplan.Identity{UserID: user.ID, UserGUID: user.GUID, CustomerGUID: user.CustomerGUID}, err
}

// serving returns the Keeper that callers are served by.
func (p *servedProfile) serving() *agent.Keeper {
	if p.following == nil || p.process.fleet.leads() {
		return p.keeper
	}
	return p.following.keeper
}

// followed returns the profile as the server has it while another member leads. What is about the key of
// this machine stays about that.
func (p *servedProfile) followed(own *server.Profile) *server.Profile {
	if p.following == nil {
		return own
	}
	served := *own
	served.Keeper, served.Device, served.Identify = p.following.keeper, p.keeper, p.following.user.identify
	served.Details = func() local.Details {
		details := p.details()
		details.Member = p.process.fleet.election.View().Address
		return details
	}
	return &served
}

// Times between attempts with a key that cannot be used.
const (
	keyRetry     = 5 * time.Second
	mostKeyRetry = 5 * time.Minute
)

// lookAfter tries this machine's key until ctx ends where its device has failed: no caller does that while
// another member leads, and this one could not lead again.
func (p *servedProfile) lookAfter(ctx context.Context) {
	for failures := 1; backoff.Sleep(ctx, backoff.Delay(keyRetry, mostKeyRetry, failures)) == nil; failures++ {
		status := p.keeper.Status()
		if status.Problem == nil || status.Problem.Code != agent.CodeDeviceAbsent && status.Problem.Code != agent.CodeDeviceFailed {
			failures = 0
			continue
		}
		p.keeper.Token(ctx, nil) // what comes of it is logged, and noted
	}
}

// run keeps the token alive until ctx ends.
func (f *following) run(ctx context.Context) {
	var parts sync.WaitGroup
	parts.Go(func() { f.members.Run(ctx) })
	f.keeper.Run(ctx)
	parts.Wait()
}

// noteFit notes how the key of this machine does.
func (p *servedProfile) noteFit() {
	if p.following != nil {
		p.process.fleet.noteFit(p.profile.Name, p.keeper.Status())
	}
}

// made is how calls are made here and not by another member.
type made struct {
	*servedProfile
	way http.RoundTripper
}

// RoundTrip implements http.RoundTripper. Where the key cannot be used that is noted at once, so that this
// very call can be made by the member that leads then.
func (m made) RoundTrip(req *http.Request) (*http.Response, error) {
	m.process.fleet.spendOnce()
	response, err := m.way.RoundTrip(req)
	if err == nil {
		return response, nil
	}
	if _, isProblem := errors.AsType[*agent.Problem](err); isProblem {
		m.noteFit()
		return nil, err
	}
	return nil, &proxy.ToldError{Err: err}
}
