package server

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"
)

// lookUp returns the identifier of a user or a group, given by name, as DOMAIN\name, or identifier.
// One that is given as an identifier may belong to a domain that does not answer now.
func lookUp(kind, name string) (string, error) {
	if strings.Trim(name, "0123456789") == "" {
		return "", fmt.Errorf(`on Windows a %s has no number: write "%s:DOMAIN\\name"`, kind, kind)
	}
	if sid, err := windows.StringToSid(name); err == nil && strings.HasPrefix(strings.ToUpper(name), "S-1-") {
		return sid.String(), nil
	}
	sid, _, found, err := windows.LookupSID("", name)
	switch {
	case errors.Is(err, windows.ERROR_NONE_MAPPED):
		return "", fmt.Errorf(`there is no %s %q on this machine or in its domain: write "%s:DOMAIN\\name", or the name of this machine in the place of the domain`, kind, name, kind)
	case err != nil:
		return "", fmt.Errorf("looking up %s %q: %w", kind, name, err)
	case isOf(kind, found):
		return sid.String(), nil
	case kind == "user":
		return "", fmt.Errorf(`%q is not a user: if it is a group write "group:NAME"`, name)
	}
	return "", fmt.Errorf(`%q is not a group: if it is a user write "user:NAME"`, name)
}

// isOf reports whether an account can be of a kind. Windows' own services, such as LOCAL SERVICE and
// those of NT SERVICE, are users that count as well-known groups there.
func isOf(kind string, found uint32) bool {
	switch found {
	case windows.SidTypeUser:
		return kind == "user"
	case windows.SidTypeGroup, windows.SidTypeAlias:
		return kind == "group"
	}
	return found == windows.SidTypeWellKnownGroup
}
