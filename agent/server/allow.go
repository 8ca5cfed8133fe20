package server

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// allowed holds the users and groups that may use a profile, by the numbers that the kernel knows.
type allowed struct{ users, groups []int }

func (a allowed) peer(peer local.Peer) bool {
	return slices.Contains(a.users, peer.UID) || slices.ContainsFunc(a.groups, peer.InGroup)
}

// ParseAllow makes a [Profile.Allow] of a list of "user:NAME", "user:1000", "group:NAME"
// and "group:1000". Names are looked up now, so that one that does not exist is found when
// the configuration is read, and no caller waits for a directory service.
func ParseAllow(texts []string) (func(local.Peer) bool, error) {
	var all allowed
	for _, text := range texts {
		if err := all.add(text); err != nil {
			return nil, err
		}
	}
	return all.peer, nil
}

func (a *allowed) add(text string) error {
	kind, name, _ := strings.Cut(text, ":")
	if name == "" || kind != "user" && kind != "group" {
		return fmt.Errorf(`%q is neither "user:NAME" nor "group:NAME"`, text)
	}
	id, err := lookUp(kind, name)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	if kind == "user" {
		a.users = append(a.users, id)
	} else {
		a.groups = append(a.groups, id)
	}
	return nil
}

// lookUp returns the number of a user or a group, given by name or number.
func lookUp(kind, name string) (int, error) {
	if id, ok := number(name); ok {
		return id, nil
	}
	text, err := idOf(kind, name)
	_, noUser := errors.AsType[user.UnknownUserError](err)
	_, noGroup := errors.AsType[user.UnknownGroupError](err)
	if noUser || noGroup {
		return 0, fmt.Errorf("there is no %s %q on this machine", kind, name)
	}
	if err != nil {
		return 0, fmt.Errorf("looking up %s %q: %w", kind, name, err)
	}
	id, ok := number(text)
	if !ok { // on Windows
		return 0, fmt.Errorf("its id %s is not a number: on this system only the agent's own user can be let in", text)
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

// number reads an id as the kernel counts: 32 bits without a sign.
func number(text string) (int, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return int(id), err == nil
}
