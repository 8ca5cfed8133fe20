package local

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isLocked is false: there what looks like a lock cannot be looked at without taking it.
func isLocked(string) bool { return false }

func IsRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

// IsBusy is false: what waits to be accepted, waits.
func IsBusy(error) bool { return false }

// onlyRoot is false: there is no such user.
func onlyRoot(string) bool { return false }
