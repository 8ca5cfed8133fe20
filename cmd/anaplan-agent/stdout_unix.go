//go:build !windows

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// duplicateStdout returns standard output under another number: at number 1 a
// closed pipe would end the program by SIGPIPE, in place of an error that says so.
func duplicateStdout() (*os.File, error) {
	fd, err := unix.Dup(1)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "standard output"), nil
}
