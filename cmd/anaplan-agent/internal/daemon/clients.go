package daemon

// The clients of the agent's configuration, as the server has them.

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
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
		clients[c.Name] = &server.Client{Profile: c.Profile, Secret: c.Secret, Users: users, Certificates: c.Certificates, Policy: rules, RefuseOtherHosts: c.RefuseOtherHosts}
	}
	return clients, nil
}

// endPhantoms ends the phantom tokens of users and clients that a reload has changed.
func (d *agentProcess) endPhantoms(before, after *settings.Config) {
	ended := d.phantoms.RevokeIf(func(holder phantom.Holder) bool {
		terms := termsOf(after, holder)
		return terms == "" || terms != termsOf(before, holder)
	})
	if ended > 0 {
		d.log.Info("phantom tokens ended", "count", ended)
	}
}
