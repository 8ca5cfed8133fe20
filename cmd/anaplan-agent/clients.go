package main

// The clients of the agent's configuration, as the server has them.

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// newClients makes the clients of a configuration.
func newClients(all []*config.Client) (map[string]*server.Program, error) {
	clients := map[string]*server.Program{}
	for _, c := range all {
		users, err := server.ParseAllow(c.Users)
		if err != nil {
			return nil, fmt.Errorf("%w: client %q: users: %w", errSettings, c.Name, err)
		}
		rules, err := policy.Parse(c.Policy)
		if err != nil {
			return nil, fmt.Errorf("%w: client %q: policy: %w", errSettings, c.Name, err)
		}
		clients[c.Name] = &server.Program{Profile: c.Profile, Secret: c.Secret, Users: users, Policy: rules}
	}
	return clients, nil
}

// newPolicy makes a profile's policy; nil for none.
func newPolicy(profile *config.Profile) (*policy.Policy, error) {
	if len(profile.Policy) == 0 {
		return nil, nil
	}
	rules, err := policy.Parse(profile.Policy)
	if err != nil {
		return nil, fmt.Errorf("%w: profile %q: policy: %w", errSettings, profile.Name, err)
	}
	return rules, nil
}

// endPhantoms ends the phantom tokens of whom a reload has changed: a secret that is
// replaced must not live on in what was got with it.
func (d *agentProcess) endPhantoms(before, after *loaded) {
	ended := d.phantoms.RevokeIf(func(holder phantom.Holder) bool {
		if name, ok := strings.CutPrefix(holder.Client, "client:"); ok {
			return !isSameClient(before.client(name), after.client(name)) || after.profile(holder.Profile) == nil
		}
		return !mayStill(holder, before.profile(holder.Profile), after.profile(holder.Profile))
	})
	if ended > 0 {
		d.log.Info("phantom tokens ended", "count", ended)
	}
}

// isSameClient reports whether it is still who it was. Its policy may be another one: that is
// asked at each call.
func isSameClient(before, after *config.Client) bool {
	return before != nil && after != nil && before.Profile == after.Profile &&
		slices.Equal(before.Secret, after.Secret) && slices.Equal(before.Users, after.Users)
}

// mayStill reports whether a user may use the profile after a reload as before.
func mayStill(holder phantom.Holder, before, after *config.Profile) bool {
	switch {
	case after == nil || before == nil:
		return false
	case holder.UID == 0 || holder.UID == os.Geteuid():
		return true
	}
	return reflect.DeepEqual(before.Allow, after.Allow)
}
