//go:build !windows

package console

import (
	"io"
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

// readHidden reads a line that is not shown. It is not term.ReadPassword, which takes the end
// of the input, a person's Ctrl-D, for a pause and reads on.
func readHidden(in *os.File) ([]byte, error) {
	fd := int(in.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag = hidden.Lflag&^unix.ECHO | unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &hidden); err != nil {
		return nil, err
	}
	defer unix.IoctlSetTermios(fd, setTermios, before)
	return readHiddenLine(func(buf []byte) (int, error) { return unix.Read(fd, buf) })
}

// readHiddenLine reads up to a line end, or to the end of the input after something.
func readHiddenLine(read func([]byte) (int, error)) ([]byte, error) {
	line := make([]byte, 0, MaxSecret+1) // one that grows leaves copies behind
	var buf [1]byte
	defer clear(buf[:])
	for {
		n, err := read(buf[:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			clear(line)
			return nil, err
		case n <= 0 && len(line) == 0:
			return nil, io.EOF
		case n <= 0, buf[0] == '\n':
			return line, nil
		case len(line) == cap(line):
			clear(line)
			return nil, TooLong("the terminal")
		default:
			line = append(line, buf[0])
		}
	}
}

// obeysEscapes reports whether a terminal obeys escape sequences: all do.
func obeysEscapes(*os.File) bool { return true }
