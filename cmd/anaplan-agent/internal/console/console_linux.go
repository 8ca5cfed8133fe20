package console

import "golang.org/x/sys/unix"

// How a terminal's state is read and set.
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
)
