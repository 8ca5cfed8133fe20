//go:build !windows

package service

import (
	"errors"
	"os"
)

// isPrivileged reports whether this user may change the machine.
func isPrivileged() bool { return os.Geteuid() == 0 }

const privilegedAs = "root"

var errNotHere = errors.New("services of Windows are registered on Windows")

func readRegistration() (*registration, bool, error) { return nil, false, errNotHere }
func (s *Service) writeRegistration() error          { return errNotHere }
func removeRegistration() error                      { return errNotHere }
func (folder) make() (bool, error)                   { return false, errNotHere }
