package agentclient

import (
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// Rows are what to do where a command and the agent do not find each other.
func Rows(on remedy.System) explain.Table {
	return explain.Table{
		{Is: ErrNoAgent, Exit: explain.Failed, Hints: explain.Hints(
			build.Program + " serve starts one; " + build.Program + " service install has " + on.Manager() + " do it",
		)},
		{Is: ErrNotShared, Exit: explain.Failed, Hints: explain.Hints(
			"its configuration lets other users in: share_socket = \"yes\" under [agent], and allow in a profile",
		)},
		{Is: errAgentEnded, Exit: explain.Failed, Hints: explain.Hints(
			"try again: a service is started again by " + on.Manager() + "; " + build.Program + " status tells whether it runs",
		)},
		{Is: local.ErrNotRunning, Exit: explain.Failed, Hints: explain.Hints(
			build.Program + " serve starts an agent; " + build.Program + " service install has " + on.Manager() + " do it",
		)},
		{Is: local.ErrSocketGone, More: "of a socket that systemd has opened: `systemctl restart anaplan-agent.socket`", Exit: explain.Failed, Hints: explain.Hints(
			"the agent makes it anew within seconds: try again; if it stays so its log says why, and what helps is to end it and start it again",
		)},
		{Is: local.ErrRunning, Exit: explain.Failed, Hints: explain.Hints(
			build.Program + " status asks the one that runs; --socket PATH is for a second one",
		)},
	}
}
