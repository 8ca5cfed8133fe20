//go:build unix

package subprocess

import (
	"os/exec"
	"syscall"
)

// WithoutTerminal puts a command into a session of its own, which has none.
func WithoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
