package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// allowed holds the users and groups that may use a profile, as the kernel knows them.
type allowed struct{ users, groups []string }

func (a allowed) peer(peer local.Peer) bool {
	return slices.Contains(a.users, peer.User()) || slices.ContainsFunc(a.groups, peer.InGroup)
}

// ParseAllow makes a [Profile.Allow] of a list of "user:NAME", "user:1000", "group:NAME"
// and "group:1000"; on Windows NAME is DOMAIN\name or an SID, and numbers are nobody. Names are looked up now, so that one that does not exist is found when
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
