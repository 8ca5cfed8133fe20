//go:build unix

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// othersMayWrite reports whether the group or everybody may write to a file.
func othersMayWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

// isSomebodyElses reports whether a file belongs to neither this user nor root.
func isSomebodyElses(info fs.FileInfo) bool {
	owner, known := ownerNumber(info)
	return known && owner != 0 && owner != os.Geteuid()
}

// ownerNumber returns to which user a file belongs.
func ownerNumber(info fs.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// apart makes a command the first of a process group, so that killGroup ends what it has
// started too.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends a command that was not waited for yet, and its group.
func killGroup(cmd *exec.Cmd) error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }

// withoutTerminal puts a command into a session of its own, which has none.
func withoutTerminal(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
