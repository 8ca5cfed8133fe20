//go:build unix

package processgroup

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Group is a program that was started, and what it has started.
type Group struct{ pid int }

// Start starts a command as the first of a group. It sets the command's SysProcAttr.
func Start(cmd *exec.Cmd) (*Group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &Group{cmd.Process.Pid}, nil
}

// Kill ends the program and its group, of which it may have taken its leave. Call it before Wait
// returns: until then the numbers are nobody else's. Where there is nothing left to end, all is well.
func (g *Group) Kill() {
	unix.Kill(-g.pid, unix.SIGKILL)
	unix.Kill(g.pid, unix.SIGKILL)
}

// Close does nothing on Unix: after Wait, the numbers may be anybody's.
func (g *Group) Close() {}

// Bind does nothing on Unix, where what a process has started may outlive it.
func Bind() (release func()) { return func() {} }

// StartApart starts a command that goes on when this process ends, however it ends, and that the
// terminal's Ctrl-C is not for. It sets the command's SysProcAttr.
func StartApart(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd.Start()
}
