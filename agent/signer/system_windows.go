package signer

import (
	"os"
	"os/exec"

	"golang.org/x/sys/windows"
)

// group does nothing: Windows has no group of processes that could be killed.
func group(*exec.Cmd) {}

// kill ends a command, not what it has started. It fails if the command has ended.
func kill(cmd *exec.Cmd) { cmd.Process.Kill() }

// takePipes returns standard input and output, and puts standard error in the place of the
// latter: a library that is loaded later prints there, not between the frames.
func takePipes() (input, output *os.File, err error) {
	input, output = os.Stdin, os.Stdout
	if err := windows.SetStdHandle(windows.STD_OUTPUT_HANDLE, windows.Handle(os.Stderr.Fd())); err != nil {
		return nil, nil, os.NewSyscallError("SetStdHandle", err)
	}
	os.Stdout = os.Stderr
	return input, output, nil
}
