//go:build unix && !linux

package agentclient

import "time"

// awaitEnd waits until a process has ended, and reports whether it has.
func awaitEnd(pid int, limit time.Duration) bool { return pollEnd(pid, limit) }
