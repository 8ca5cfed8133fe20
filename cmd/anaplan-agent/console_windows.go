package main

import (
	"os"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// openConsole opens the console for reading and for writing. Both are opened for
// both, since console modes can be changed on such handles only.
func openConsole() (in, out *os.File, err error) {
	if in, err = os.OpenFile("CONIN$", os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile("CONOUT$", os.O_RDWR, 0); err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// duplicateStdout returns standard output under another handle, to be closed.
func duplicateStdout() (*os.File, error) {
	var handle windows.Handle
	self := windows.CurrentProcess()
	err := windows.DuplicateHandle(self, windows.Handle(os.Stdout.Fd()), self, &handle, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(handle), "standard output"), nil
}

// readHidden reads a line that is not shown.
func readHidden(in *os.File) ([]byte, error) { return term.ReadPassword(int(in.Fd())) }
