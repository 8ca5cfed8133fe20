package main

import (
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// clientRows are what to do where a command and the agent do not find each other.
func clientRows() explain.Table {
	return explain.Table{
		{Is: errNoAgent, Exit: explain.Failed, Hints: explain.Hints(
			program + " serve starts one; " + program + " service install has systemd or launchd do it",
		)},
		{Is: errNotShared, Exit: explain.Failed, Hints: explain.Hints(
			"its configuration lets other users in: share_socket = \"yes\" under [agent], and allow in a profile",
		)},
		{Is: errAgentEnded, Exit: explain.Failed, Hints: explain.Hints(
			"try again: a service is started again by systemd or launchd; " + program + " status tells whether it runs",
		)},
		{Is: local.ErrNotRunning, Exit: explain.Failed, Hints: explain.Hints(
			program + " serve starts an agent; " + program + " service install has systemd or launchd do it",
		)},
		{Is: local.ErrSocketGone, Exit: explain.Failed, Hints: explain.Hints(
			"the agent makes it anew within seconds: try again; if it stays so its log says why, and what helps is to end it and start it again",
		)},
		{Is: local.ErrRunning, Exit: explain.Failed, Hints: explain.Hints(
			program + " status asks the one that runs; --socket PATH is for a second one",
		)},
	}
}
