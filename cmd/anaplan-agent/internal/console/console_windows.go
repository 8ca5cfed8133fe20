package console

import (
	"os"

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

// readHidden reads a line that is not shown.
func readHidden(in *os.File) ([]byte, error) { return term.ReadPassword(int(in.Fd())) }
