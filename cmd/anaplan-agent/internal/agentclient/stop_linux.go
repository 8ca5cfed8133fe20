package agentclient

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// awaitEnd waits until a process has ended, and reports whether it has. One that nobody has waited
// for has ended, too, though its number is still there.
func awaitEnd(pid int, limit time.Duration) bool {
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil { // it has ended, or the kernel is older than 5.3
		return pollEnd(pid, limit)
	}
	defer unix.Close(process)
	for deadline := time.Now().Add(limit); ; {
		left := max(time.Until(deadline), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}
