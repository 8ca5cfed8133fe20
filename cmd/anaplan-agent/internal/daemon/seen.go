package daemon

import (
	"maps"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// What is seen of the agent from outside: metrics and readiness.

// forwarded passes on what was forwarded to Anaplan, for the metrics.
func (d *agentProcess) forwarded(record server.Record) {
	call := record.Call
	d.metrics.Call(metrics.Call{
		Profile: record.Profile, Client: record.Client, Status: call.Status,
		Sent: call.Sent, Received: call.Received, Took: call.Took,
	})
}

// tunnelled passes on what went through a tunnel, for the metrics.
func (d *agentProcess) tunnelled(record server.Record) {
	d.metrics.Tunnel(metrics.Tunnel{
		Client: record.Client, Made: record.Code == "", Sent: record.Call.Sent, Received: record.Call.Received,
	})
}

// details returns what the metrics tell of the profiles beside their statuses.
func (d *agentProcess) details() map[string]metrics.Profile {
	served := d.table.Load().served
	all := make(map[string]metrics.Profile, len(served))
	for name, p := range served {
		days, _ := p.expiry.warning()
		told := metrics.Profile{WarningDays: days, TokenFile: p.sink != nil, TokenFileFails: p.sink.problem() != nil}
		if p.members != nil {
			_, told.Member = p.members.Using()
			told.Members = addressesOf(p.profile)
		} else {
			told.Keys, told.Key = p.failover.keys, p.failover.inUse()
		}
		all[name] = told
	}
	return all
}

// addressesOf returns where the members are that have a profile's key.
func addressesOf(profile *config.Profile) (addresses []string) {
	for _, member := range profile.Members() {
		addresses = append(addresses, member.Address())
	}
	return addresses
}

// seen returns how the fleet does, for the metrics; nil: there is none. All its members have the same
// first one, which stands for the fleet.
func (m *membership) seen() *metrics.Fleet {
	if m == nil {
		return nil
	}
	view := m.election.View()
	told := &metrics.Fleet{
		Name: m.config.Members[0], Leader: view.Address, Leads: view.Self, CanLead: m.problem() == nil,
		Epoch: view.Epoch, StoreAnswered: view.Answered,
	}
	for _, state := range m.peers.States() {
		told.Members = append(told.Members, metrics.FleetMember{
			Address: state.Address, Self: state.Self, Reachable: state.Known && state.Err == nil, Skew: state.Skew,
		})
	}
	return told
}

// seen returns how the certificate for other machines does, for the metrics.
func (r *remoteDoor) seen() metrics.Certificate {
	state := r.identity.State()
	return metrics.Certificate{Usable: state.Problem == nil, NotBefore: state.NotBefore, NotAfter: state.NotAfter}
}

// statuses returns how the profiles do, for the metrics.
func (d *agentProcess) statuses() map[string]agent.Status {
	served := d.table.Load().served
	all := make(map[string]agent.Status, len(served))
	for name, p := range served {
		all[name] = p.serving().Status()
	}
	return all
}

// ready returns why the agent is not fully usable: a profile with a token file has no token, or its
// file is not up to date.
func (d *agentProcess) ready() error {
	served := d.table.Load().served
	for _, name := range slices.Sorted(maps.Keys(served)) {
		if status := served[name].keeper.Status(); served[name].sink != nil && status.State == agent.StateDown {
			return agent.Problemf(status.Problem.Code, "profile %q has no token: %s", name, status.Problem.Message)
		}
		if problem := served[name].sink.problem(); problem != nil {
			return agent.Problemf(problem.Code, "profile %q: %s", name, problem.Message)
		}
	}
	return nil
}
