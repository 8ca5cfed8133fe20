package doctor

import (
	"errors"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
)

// checkSocket looks at a named pipe, and reports whether an agent listens there that this user can
// ask. Whose the pipe is decides: anybody can make one of any name.
func (a *runningAgent) checkSocket(pipe string, _ bool) bool {
	switch err := agentclient.CheckSocket(pipe); {
	case errors.Is(err, agentclient.ErrNotShared):
		a.warn("agent.socket", `its configuration lets others in: share_socket = "yes" under [agent], and allow in a profile`,
			"an agent's pipe is at %s, and this user may not open it", pipe)
		return false
	case err != nil:
		return false
	}
	if err := local.CheckServer(pipe); err != nil {
		a.failed("agent.socket", err)
		return false
	}
	a.ok("agent.socket", "the pipe %s is its agent's", pipe)
	return true
}
