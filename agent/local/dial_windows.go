package local

import (
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// CheckPlace refuses a socket that somebody else can have put there: Windows does not tell who is at
// the other end of one.
func CheckPlace(socket string) error {
	if err := owned.Check(filepath.Dir(socket)); err != nil {
		return err
	}
	return owned.Check(socket)
}

// isLocked is false: there what looks like a lock cannot be looked at without taking it.
func isLocked(string) bool { return false }

// IsBusy is false: what waits to be accepted, waits.
func IsBusy(error) bool { return false }

// onlyRoot is false: there is no such user.
func onlyRoot(string) bool { return false }
