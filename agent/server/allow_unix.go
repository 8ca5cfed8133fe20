//go:build !windows

package server

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// lookUp returns the number of a user or a group, given by name or number.
func lookUp(kind, name string) (string, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return strconv.FormatUint(id, 10), nil
	}
	id, err := idOf(kind, name)
	_, noUser := errors.AsType[user.UnknownUserError](err)
	_, noGroup := errors.AsType[user.UnknownGroupError](err)
	if noUser || noGroup {
		return "", fmt.Errorf("there is no %s %q on this machine", kind, name)
	}
	if err != nil {
		return "", fmt.Errorf("looking up %s %q: %w", kind, name, err)
	}
	return id, nil
}

// idOf returns what the system's databases have as the id of a user or a group.
func idOf(kind, name string) (string, error) {
	if kind == "group" {
		group, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return group.Gid, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return account.Uid, nil
}
