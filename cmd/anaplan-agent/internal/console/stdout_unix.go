//go:build !windows

package console

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicateStdout returns a duplicate of standard output. Closing it shows errors that a file
// system reports no sooner.
func duplicateStdout() (*os.File, error) {
	fd, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "standard output"), nil
}
