package console

import (
	"os"

	"golang.org/x/sys/windows"
)

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
