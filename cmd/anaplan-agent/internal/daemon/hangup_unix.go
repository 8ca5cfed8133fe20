//go:build unix

package daemon

import (
	"os"
	"os/signal"
	"syscall"
)

// notifyHangup passes on the signal that asks the agent to read its configuration again.
func notifyHangup(hangups chan<- os.Signal) { signal.Notify(hangups, syscall.SIGHUP) }
