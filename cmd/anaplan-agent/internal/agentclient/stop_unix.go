//go:build unix

package agentclient

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// pollEnd waits until there is no process of that number, and reports whether that came.
func pollEnd(pid int, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return true
		}
	}
	return false
}
