//go:build !windows && !linux

package console

import "golang.org/x/sys/unix"

// How a terminal's state is read and set.
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)
