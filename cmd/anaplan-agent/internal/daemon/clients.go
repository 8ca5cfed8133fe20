package daemon

// The clients of the agent's configuration, as the server has them.

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// newClients makes the clients of a configuration.
func newClients(all []*config.Client) (map[string]*server.Client, error) {
	clients := map[string]*server.Client{}
	for _, c := range all {
		users, err := server.ParseAllow(c.Users)
		if err != nil {
			return nil, fmt.Errorf("%w: client %q: users: %w", settings.ErrSettings, c.Name, err)
		}
		rules, err := policy.Parse(c.Policy)
		if err != nil {
			return nil, fmt.Errorf("%w: client %q: policy: %w", settings.ErrSettings, c.Name, err)
		}
		clients[c.Name] = &server.Client{Profile: c.Profile, Secret: c.Secret, Users: users, Policy: rules, RefuseOtherHosts: c.RefuseOtherHosts}
	}
	return clients, nil
}

// endPhantoms ends the phantom tokens of users and clients that a reload has changed: a replaced
// secret must not live on in tokens that were issued for it.
func (d *agentProcess) endPhantoms(before, after *settings.Config) {
	ended := d.phantoms.RevokeIf(func(holder phantom.Holder) bool {
		if name, ok := strings.CutPrefix(holder.Client, "client:"); ok {
			return !isSameClient(before.Client(name), after.Client(name)) || after.Profile(holder.Profile) == nil
		}
		return !mayStill(holder, before.Profile(holder.Profile), after.Profile(holder.Profile))
	})
	if ended > 0 {
		d.log.Info("phantom tokens ended", "count", ended)
	}
}

// isSameClient reports whether it is still the same client. Its policy may differ: each call checks
// that.
func isSameClient(before, after *config.Client) bool {
	return before != nil && after != nil && before.Profile == after.Profile &&
		slices.Equal(before.Secret, after.Secret) && slices.Equal(before.Users, after.Users)
}

// mayStill reports whether a user may use the profile after a reload as before.
func mayStill(holder phantom.Holder, before, after *config.Profile) bool {
	switch {
	case after == nil || before == nil:
		return false
	case local.MayEverything(holder.User):
		return true
	}
	return reflect.DeepEqual(before.Allow, after.Allow)
}
