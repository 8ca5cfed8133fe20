//go:build !windows

package subprocess

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// StartSealed starts command with standard input, output and error only. Modules leave descriptors
// open to their children, p11-kit's a logged-in connection to the token. Go's own are marked
// already. The system has no call that marks all at once everywhere, so one that another thread of
// a module opens meanwhile slips through: this makes a certain leak a rare one.
func StartSealed(command *exec.Cmd) error {
	descriptors, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, entry := range descriptors {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return command.Start()
}
