package daemon

import (
	"maps"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
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
		all[name] = metrics.Profile{
			Keys: p.failover.keys, Key: p.failover.inUse(), WarningDays: days,
			TokenFile: p.sink != nil, TokenFileFails: p.sink.problem() != nil,
		}
	}
	return all
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
