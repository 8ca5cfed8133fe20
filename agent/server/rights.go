package server

import (
	"os"
	"os/user"
	"slices"
	"strconv"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// What a caller that may use a profile may not do to it. docs/security.md has all of it as a table.

// right returns why the caller may not act on a profile that it may use; nil if it may. A PIN and
// its tries, and whether anybody is served, are for administrators: another user could block the
// device with three requests, or stop everybody's jobs.
func (c *call) right(action Action, profile *Profile) *agent.Problem {
	name := "the profile " + shown(c.arguments.profile)
	switch {
	case c.caller.admin:
		return nil
	case action == ActionLock:
		return c.reserve("lock "+name, "lock")
	case action == ActionUnlock:
		return c.reserve("unlock "+name, "unlock")
	case profile.Policy == nil:
		return nil
	case action == ActionLogin:
		return c.reserve("log in with "+name+", which has a policy", "login", "send the calls through the agent, which logs in by itself")
	}
	return c.reserve("log out of "+name+", which has a policy", "logout")
}

// reserve denies what only administrators may do, and says which command to ask them for.
func (c *call) reserve(what, command string, hints ...string) *agent.Problem {
	owner := c.server.ownUser()
	problem := agent.Problemf(agent.CodeNotAllowed, "user %s may not %s: only %s may", nameOf(c.caller.peer), what, administrators("and", owner))
	return c.denied(problem, append(hints, "ask "+administrators("or", owner)+" to call: anaplan-agent "+command)...)
}

// toCaller returns a problem of a profile as its caller is told of it: a caller that may not give a
// PIN is not asked for one, and is told who must act.
func (c *call) toCaller(problem *agent.Problem) *agent.Problem {
	if problem == nil || c.caller.admin {
		return problem
	}
	told, who := *problem, administrators("or", c.server.ownUser())
	told.PIN = nil
	switch {
	case problem.Code == agent.CodePINNeeded:
		told.Hints = []string{who + " must give it: anaplan-agent unlock"}
	case problem.Code == agent.CodeLocked:
		told.Hints = []string{who + " must unlock it: anaplan-agent unlock"}
	case problem.Final:
		told.Hints = append(slices.Clone(problem.Hints), who+" must do that")
	}
	return &told
}

// administrators names those who may do everything where the agent runs as that user.
func administrators(joint, owner string) string {
	if owner == rootName {
		return rootName
	}
	return rootName + " " + joint + " the agent's user (" + owner + ")"
}

// ownUser names the user that this process runs as.
func ownUser() string {
	if os.Geteuid() == 0 {
		return rootName
	}
	if self, err := user.Current(); err == nil && self.Username != "" {
		return self.Username
	}
	return strconv.Itoa(os.Geteuid())
}
