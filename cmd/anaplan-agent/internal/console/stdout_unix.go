//go:build !windows

package console

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicateStdout returns standard output once more, to be closed: that is how to hear of
// errors which a file system tells no sooner.
func duplicateStdout() (*os.File, error) {
	fd, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "standard output"), nil
}
