//go:build !windows

package main

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// startSealed starts command with standard input, output and error only. Modules
// leave descriptors open to their children, p11-kit's a logged-in connection to
// the token.
func startSealed(command *exec.Cmd) error {
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
