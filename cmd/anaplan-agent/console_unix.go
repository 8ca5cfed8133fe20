//go:build !windows

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// openConsole opens the controlling terminal for reading and for writing. It fails
// where the process has none, as under cron, systemd or setsid.
func openConsole() (in, out *os.File, err error) {
	if in, err = os.OpenFile("/dev/tty", os.O_RDONLY, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile("/dev/tty", os.O_WRONLY, 0); err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

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
