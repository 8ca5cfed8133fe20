package config

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
)

// Members are the agents that have the profile's key; nil: it is on this machine.
func (p *Profile) Members() (members []memberuri.URI) {
	for _, key := range p.Keys {
		if member, ok := key.(memberuri.URI); ok {
			members = append(members, member)
		}
	}
	return members
}

// ofHere are the settings of a profile whose key is on this machine.
var ofHere = []string{
	pinSetting, certificateSetting, touchCommandSetting, expiryCommandSetting,
	regionSetting, authURLSetting, apiURLSetting, caFileSetting, tokenFileSetting,
}

// checkEdge returns an error if a profile whose key another agent has says what only that agent can say,
// or names keys of both kinds.
func (v values) checkEdge(p *Profile) error {
	members := len(p.Members())
	if members == 0 {
		return nil
	}
	if members != len(p.Keys) {
		return fmt.Errorf("%s: keys of this machine and those of other agents do not mix: name one kind", v[keySetting][0].From)
	}
	for i, member := range p.Members() {
		if slices.ContainsFunc(p.Members()[:i], func(before memberuri.URI) bool { return before.Address() == member.Address() }) {
			return fmt.Errorf("%s: the member %s is there twice; name each once", v[keySetting][i].From, member.Address())
		}
	}
	for _, name := range ofHere {
		if value := v[name][0]; value.Text != "" {
			return fmt.Errorf("%s: it does not stand beside a key that another agent has, where the login is made and Anaplan's token stays; leave it out", value.From)
		}
	}
	return nil
}
