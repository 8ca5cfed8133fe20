//go:build unix

package daemon

import (
	"os"
	"syscall"
)

// hangup asks the agent to read its configuration again.
var hangup = []os.Signal{syscall.SIGHUP}
