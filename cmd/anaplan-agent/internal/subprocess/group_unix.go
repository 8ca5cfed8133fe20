//go:build unix

package subprocess

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// OwnGroup makes a command the first of a process group, so that KillGroup also ends what it has
// started.
func OwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// KillGroup ends a command that was not waited for yet, and its group.
func KillGroup(cmd *exec.Cmd) error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }

// WithoutTerminal puts a command into a session of its own, which has none.
func WithoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
