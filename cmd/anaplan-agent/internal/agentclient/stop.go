package agentclient

import (
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// endLimit is how long an agent is waited for: as long as it waits for requests under way, and for
// Anaplan to end its tokens.
const endLimit = 70 * time.Second

// Stop has the agent end, and waits until its process has.
func (a *Session) Stop() error {
	pid, err := a.Client.Stop(a.Ctx)
	if err != nil {
		return a.InTime(err)
	}
	if !awaitEnd(pid, endLimit) {
		return fmt.Errorf("the agent, process %d, is about to end, and has not within %s; %s status tells whether it still runs", pid, endLimit, build.Program)
	}
	return nil
}
