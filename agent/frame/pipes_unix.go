//go:build !windows

package frame

import (
	"os"

	"golang.org/x/sys/unix"
)

// TakePipes moves standard input and output to descriptors that nobody else knows and no
// program inherits. In their places are the null device and standard error: libraries in C
// print to descriptor 1, and that must not come between the frames.
func TakePipes() (input, output *os.File, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	if input, err = move(0, int(null.Fd())); err != nil {
		return nil, nil, err
	}
	if output, err = takeOutput(); err != nil {
		input.Close()
		return nil, nil, err
	}
	return input, output, nil
}

// takeOutput returns standard output. A program that has moved it has put something else in
// the place of descriptor 1 already.
func takeOutput() (*os.File, error) {
	if os.Stdout.Fd() == 1 {
		return move(1, 2)
	}
	output := os.Stdout
	os.Stdout = os.Stderr
	return output, nil
}

// move returns a descriptor's file under another number, and puts a duplicate of other in
// its place.
func move(fd, other int) (*os.File, error) {
	moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if err := dup2(other, fd); err != nil {
		unix.Close(moved)
		return nil, os.NewSyscallError("dup2", err)
	}
	return os.NewFile(uintptr(moved), "pipe"), nil
}
