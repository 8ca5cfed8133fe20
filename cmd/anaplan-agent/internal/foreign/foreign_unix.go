//go:build !windows

package foreign

import (
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Divert moves standard output and error to descriptors that nobody else knows and no
// program inherits: os.Stdout and os.Stderr are these from here on. In their places, for
// libraries, is standard error. Call it at the start, before anything holds one of the two
// and before there are threads that open files.
func Divert() error {
	stdout, err := moved(os.Stdout)
	if err != nil {
		return err
	}
	stderr, err := moved(os.Stderr)
	if err != nil {
		stdout.Close()
		return err
	}
	// Closed here, for the garbage collector would close them later, and by their numbers.
	os.Stdout.Close()
	os.Stderr.Close()
	os.Stdout, os.Stderr = stdout, stderr
	return put(stderr, stderr)
}

// Hide has libraries print to the null device from here on, whatever they print. It stays so:
// the buffers of a library in C may be written at any time. The program's own words are not
// affected, nor are those of the Go runtime about a crash. Without Divert before it, it does
// nothing. It may be called again.
func Hide() error {
	if !diverted() {
		return nil
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return hiding(err)
	}
	defer null.Close()
	// The runtime writes to descriptor 2, and to this file besides, so not before it has to.
	if err := debug.SetCrashOutput(os.Stderr, debug.CrashOptions{}); err != nil {
		return hiding(err)
	}
	if err := put(null, null); err != nil {
		return hiding(err)
	}
	return nil
}

// Restore undoes Divert and Hide for another program that is about to take this process's
// place.
func Restore() error {
	if !diverted() {
		return nil
	}
	return put(os.Stdout, os.Stderr)
}

// diverted reports whether Divert was called.
func diverted() bool { return os.Stderr.Fd() != 2 }

// moved returns a file under another number.
func moved(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("moving %s: %w", file.Name(), os.NewSyscallError("fcntl", err))
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}

// put puts duplicates of files at the numbers of standard output and error.
func put(stdout, stderr *os.File) error {
	for i, file := range []*os.File{stdout, stderr} {
		if err := dup2(int(file.Fd()), i+1); err != nil {
			return os.NewSyscallError("dup2", err)
		}
	}
	return nil
}

// hiding says what comes of that: nothing secret may follow.
func hiding(err error) error {
	return fmt.Errorf("what the device's library prints cannot be hidden, so it is told nothing secret: %w", err)
}
