package daemon

// The fleet of which the agent is a member: who leads, and what that changes here.

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/lease"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// membership is the agent's part in a fleet.
type membership struct {
	config   *config.Fleet
	peers    *fleet.Peers
	election fleet.Election
	spend    func() // takes all out of the allowances that others may have taken

	mu      sync.Mutex
	ending  bool
	unfit   map[string]*agent.Problem // by profile, why its key cannot be used; without those that can
	spentOf fleet.View                // the lead in which spend was called last
	spentAt time.Time
}

// newMembership returns the agent's part in a fleet; nil if there is none. auditHead is where the audit
// log stands, which a lease has for all to see; nil: there is no log.
func newMembership(own *config.Fleet, identity *mutualtls.Identity, spend func(), auditHead func() string, log *slog.Logger) (*membership, error) {
	if own == nil {
		return nil, nil
	}
	member := &membership{config: own, spend: spend, unfit: map[string]*agent.Problem{}}
	peers := fleet.NewPeers(fleet.PeersConfig{
		Self: own.Address, Members: own.Members, Probe: fleet.NewProbe(identity, own.Trust),
		Refused: func(address string) { member.election.Suspect(address) },
	})
	member.peers = peers
	if own.Lease.Text == "" {
		member.election = fleet.NewOrder(peers, log)
		return member, nil
	}
	order := fleet.NewOrder(peers, slog.New(slog.DiscardHandler)) // the lease says who leads in the end
	held, err := lease.Open(own.Lease.Text, lease.Config{Name: own.Address, Address: own.Address, Fallback: order, AuditHead: auditHead, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", own.Lease.From, err)
	}
	member.election = held
	return member, nil
}

// leads reports whether this agent makes the calls itself; nil does always.
func (m *membership) leads() bool { return m == nil || m.election.View().Self }

// unknownTime is how long a call waits at the start until it is known who leads: as long as the others
// have to answer.
const unknownTime = 3 * time.Second

// who returns who leads. Where nobody knows, that is this agent.
func (m *membership) who(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, unknownTime)
	defer cancel()
	for {
		changed := m.election.Changed()
		if view := m.election.View(); view.Address != "" {
			return view.Address
		}
		select {
		case <-ctx.Done():
			return m.config.Address
		case <-changed:
		}
	}
}

// Of a call whose leader leads no more: for how long it waits until another does, and how often it is
// looked at who. The leader may not have given the lead away yet when it says that it does.
const (
	succeedTime  = 2 * time.Second
	succeedEvery = 100 * time.Millisecond
)

// after returns who leads in the place of a member. Where nobody does for a while, that is this agent.
func (m *membership) after(ctx context.Context, gone string) string {
	ctx, cancel := context.WithTimeout(ctx, succeedTime)
	defer cancel()
	ticker := time.NewTicker(succeedEvery)
	defer ticker.Stop()
	for {
		changed := m.election.Changed()
		if view := m.election.View(); view.Address != "" && view.Address != gone {
			return view.Address
		}
		m.election.Recheck(gone)
		select {
		case <-ctx.Done():
			return m.config.Address
		case <-ticker.C:
		case <-changed:
		}
	}
}

// run takes part until ctx ends.
func (m *membership) run(ctx context.Context, changed func(fleet.View)) {
	if m == nil {
		return
	}
	var parts sync.WaitGroup
	parts.Go(func() { m.peers.Run(ctx) })
	parts.Go(func() { m.election.Run(ctx) })
	defer parts.Wait()
	var before fleet.View
	for {
		next := m.election.Changed()
		if view := m.election.View(); view.Address != before.Address {
			changed(view)
			before = view
		}
		select {
		case <-ctx.Done():
			m.mu.Lock()
			m.ending = true
			m.mu.Unlock()
			return
		case <-next:
		}
	}
}

// noteFit notes how the key of a profile does. A member with one that cannot be used does not lead.
func (m *membership) noteFit(profile string, status agent.Status) {
	problem := status.Problem
	if problem != nil && !problem.Code.IsOfKey() && problem.Code != agent.CodeUnreachable {
		problem = nil
	}
	if status.State == agent.StateLocked {
		problem = cmp.Or(problem, agent.Problemf(agent.CodeLocked, "the profile is locked"))
	}
	m.mu.Lock()
	delete(m.unfit, profile)
	if problem != nil {
		m.unfit[profile] = problem
	}
	m.mu.Unlock()
	m.election.SetFit(m.problem())
}

// problem returns why this member cannot lead; nil: it can.
func (m *membership) problem() *agent.Problem {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ending {
		return agent.Problemf(agent.CodeStopping, "the agent is about to end")
	}
	for _, profile := range slices.Sorted(maps.Keys(m.unfit)) {
		return agent.Problemf(m.unfit[profile].Code, "profile %s: %s", profile, m.unfit[profile].Message)
	}
	return nil
}

// reloaded notes how the keys of the profiles do that there are now.
func (m *membership) reloaded(served map[string]*servedProfile) {
	if m == nil {
		return
	}
	m.mu.Lock()
	maps.DeleteFunc(m.unfit, func(profile string, _ *agent.Problem) bool { return served[profile] == nil })
	m.mu.Unlock()
	m.election.SetFit(m.problem())
	for _, p := range served {
		p.noteFit()
	}
}

// spendOnce has the allowances begin empty with each lead: nobody tells what the member before has spent
// of them. So has a member that makes calls although another leads.
func (m *membership) spendOnce() {
	m.mu.Lock()
	defer m.mu.Unlock()
	view := m.election.View()
	isSame := view.Address == m.spentOf.Address && view.Since.Equal(m.spentOf.Since)
	if isSame && (view.Self || time.Since(m.spentAt) < time.Minute) {
		return
	}
	m.spend()
	m.spentOf, m.spentAt = view, time.Now()
}

// member is what other members are told.
func (m *membership) member() local.Member {
	view, problem := m.election.View(), m.problem()
	member := local.Member{Address: m.config.Address, Version: build.Version(), Time: time.Now().UTC(), Fit: problem == nil, Leads: view.Self}
	if view.Self {
		member.Since = view.Since.UTC().Round(time.Second)
	}
	if problem != nil {
		member.Problem = problem.Message
	}
	for _, state := range m.peers.States() {
		if state.Err != nil {
			member.CannotReach = append(member.CannotReach, local.UnreachedMember{Address: state.Address, Why: state.Err.Error()})
		}
	}
	return member
}

// status is what users of this machine are told.
func (m *membership) status() *local.FleetStatus {
	view := m.election.View()
	status := &local.FleetStatus{Address: m.config.Address, Leader: view.Address, Since: view.Since.Round(time.Second), Why: view.Why, Epoch: view.Epoch}
	if view.Trouble != nil {
		status.Trouble = view.Trouble.Error()
	}
	for _, state := range m.peers.States() {
		shown := local.FleetMember{Member: state.Told, Self: state.Self}
		switch {
		case state.Self:
			shown.Member = m.member()
		case !state.Known:
			shown.Unreachable = "it was not asked yet"
		case state.Err != nil:
			shown.Unreachable = state.Err.Error()
		case state.Skew.Abs() >= fleet.OddSkew:
			shown.ClockAhead = int(state.Skew.Round(time.Second).Seconds())
		}
		shown.Address = state.Address
		status.Members = append(status.Members, shown)
	}
	return status
}

// ofServer is what the server is told of the fleet; nil if there is none.
func (d *agentProcess) ofServer() *server.Fleet {
	m := d.fleet
	if m == nil {
		return nil
	}
	return &server.Fleet{
		IsMember: func(names []string) bool {
			return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(m.config.Trust, name) })
		},
		Own:    func() map[string]*server.Profile { return d.table.Load().local },
		Member: m.member,
		Status: m.status,
	}
}

// profiles returns the profiles as they are served now.
func (d *agentProcess) profiles() map[string]*server.Profile {
	table := d.table.Load()
	if d.fleet.leads() {
		return table.local
	}
	return table.following
}

// leadChanged has this agent log in at once where it leads and somebody wants the token. One that leads
// no more keeps its token for as long as any: it costs nothing, and no login when the lead is back.
func (d *agentProcess) leadChanged(view fleet.View) {
	if view.Self {
		d.metrics.TookOver()
	}
	for _, p := range d.table.Load().served {
		if p.following == nil {
			continue
		}
		isWanted := p.following.keeper.Status().State != agent.StateIdle
		p.following.keeper.Reconsider()
		if view.Self && isWanted {
			d.running.Go(func() { p.keeper.Token(d.ctx, nil) }) // what comes of it is logged
		}
	}
}
