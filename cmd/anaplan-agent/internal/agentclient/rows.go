package agentclient

import (
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// allManagers is the column of docs/errors.md, which is of all systems.
const allManagers = "systemd, launchd or Windows"

// managed says how an agent is started, by hand and by what starts services.
func managed(byHand, manager string) string {
	return build.Program + byHand + build.Program + " service install has " + manager + " do it"
}

func restarted(manager string) string {
	return "try again: a service is started again by " + manager + "; " + build.Program + " status tells whether it runs"
}

// Rows are what to do where a command and the agent do not find each other.
func Rows(on remedy.System) explain.Table {
	return explain.Table{
		{Is: ErrNoAgent, More: managed(" serve starts one; ", allManagers), Exit: explain.Failed, With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints(managed(" serve starts one; ", on.Manager()))
		}},
		{Is: ErrNotShared, Exit: explain.Failed, Hints: explain.Hints(
			shares,
			"to do without the agent: --socket none",
		), More: "of a service's socket the first is: `sudo usermod -aG anaplan-agent NAME`", With: explain.With(func(closed *notSharedError, row *explain.Row) {
			row.Hints = slices.Concat(explain.Hints(WayIn(closed.socket)), row.Hints[1:])
		})},
		{Is: errAgentEnded, More: restarted(allManagers), Exit: explain.Failed, With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints(restarted(on.Manager()))
		}},
		{Is: local.ErrNotRunning, More: managed(" serve starts an agent; ", allManagers), Exit: explain.Failed, With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints(managed(" serve starts an agent; ", on.Manager()))
		}},
		{Is: local.ErrSocketGone, More: "of a socket that systemd has opened: `systemctl restart anaplan-agent.socket`", Exit: explain.Failed, Hints: explain.Hints(
			"the agent makes it anew within seconds: try again; if it stays so its log says why, and what helps is to end it and start it again",
		)},
		{Is: errOlder, More: "e.g. `" + remedy.System("linux").RestartAgent() + "`", Exit: explain.Failed, With: func(_ error, row *explain.Row) {
			row.Hints = explain.Hints("start it again, so that it is the program that is installed now: " + on.RestartAgent())
		}},
		{Is: errNotAgent, Exit: explain.Failed, Hints: explain.Hints(
			"end that program, and start the agent; or name the agent's own socket: --socket PATH",
		)},
		{Is: local.ErrRunning, Exit: explain.Failed, Hints: explain.Hints(
			build.Program + " status asks the one that runs; --socket PATH is for a second one",
		)},
	}
}

// shares is how an agent that makes its own socket lets others connect to it.
const shares = "its configuration lets other users in: share_socket = \"yes\" under [agent], and allow in a profile"

// WayIn says how this user may connect to a socket: one that systemd makes is its group's, whatever
// share_socket says.
func WayIn(socket string) string {
	group := groupOf(socket)
	if group == "" {
		return shares
	}
	return "members of the group " + group + " may connect: sudo usermod -aG " + group + " " + shell.Quote(userName()) + ", and log in anew; what they get says allow in a profile"
}
