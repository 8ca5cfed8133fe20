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
	list, find := &a.users, userID
	if kind == "group" {
		list, find = &a.groups, groupID
	}
	id, err := find(name)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	*list = append(*list, id)
	return nil
}

// userID returns the number of a user, given by name or number.
func userID(name string) (int, error) {
	if id, ok := number(name); ok {
		return id, nil
	}
	account, err := user.Lookup(name)
	if _, ok := errors.AsType[user.UnknownUserError](err); ok {
		return 0, fmt.Errorf("there is no user %q on this machine", name)
	}
	if err != nil {
		return 0, fmt.Errorf("looking up user %q: %w", name, err)
	}
	return numberOf(account.Uid)
}

// groupID returns the number of a group, given by name or number.
func groupID(name string) (int, error) {
	if id, ok := number(name); ok {
		return id, nil
	}
	group, err := user.LookupGroup(name)
	if _, ok := errors.AsType[user.UnknownGroupError](err); ok {
		return 0, fmt.Errorf("there is no group %q on this machine", name)
	}
	if err != nil {
		return 0, fmt.Errorf("looking up group %q: %w", name, err)
	}
	return numberOf(group.Gid)
}

// number reads an id as the kernel counts: 32 bits without a sign.
func number(text string) (int, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return int(id), err == nil
}

// numberOf reads the id of a database. On Windows it is not a number.
func numberOf(id string) (int, error) {
	if n, ok := number(id); ok {
		return n, nil
	}
	return 0, fmt.Errorf("its id %s is not a number: on this system only the agent's own user can be let in", id)
}
