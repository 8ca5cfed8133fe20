package console

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

// readHidden reads a line that is not shown.
func readHidden(in *os.File) ([]byte, error) { return term.ReadPassword(int(in.Fd())) }

// obeysEscapes reports whether a terminal obeys escape sequences, and has a console of Windows' do so.
// One of before Windows 10 does not, and would show them.
func obeysEscapes(out *os.File) bool {
	var mode uint32
	console := windows.Handle(out.Fd())
	if windows.GetConsoleMode(console, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
