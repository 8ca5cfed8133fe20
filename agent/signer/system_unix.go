//go:build !windows

package signer

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// group puts the command into a process group of its own, together with the programs that
// it will start.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// kill ends a command that was not waited for yet, and its group, of which it may have
// taken its leave. Where there is nothing left to end, all is well.
func kill(cmd *exec.Cmd) {
	unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	unix.Kill(cmd.Process.Pid, unix.SIGKILL)
}
