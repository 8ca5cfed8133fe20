package frame

import (
	"os"

	"golang.org/x/sys/windows"
)

// TakePipes returns standard input and output, and puts standard error in the place of the
// latter: a library that is loaded later prints there, not between the frames.
func TakePipes() (input, output *os.File, err error) {
	input, output = os.Stdin, os.Stdout
	if err := windows.SetStdHandle(windows.STD_OUTPUT_HANDLE, windows.Handle(os.Stderr.Fd())); err != nil {
		return nil, nil, os.NewSyscallError("SetStdHandle", err)
	}
	os.Stdout = os.Stderr
	return input, output, nil
}
