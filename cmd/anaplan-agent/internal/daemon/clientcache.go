package daemon

import (
	"log/slog"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// clientCache has one client for all profiles that speak to the same Anaplan in the same
// way: with its roots and connections it weighs more than the rest of a profile.
type clientCache struct {
	mu      sync.Mutex
	clients map[clientKey]*anaplan.Client
}

// clientKey is what tells clients apart. A file of roots that has changed is another one.
type clientKey struct{ authURL, caFile, caStamp, headerForm string }

// of returns the profile's client.
func (c *clientCache) of(profile *config.Profile, log *slog.Logger) (*anaplan.Client, error) {
	hosts, err := settings.HostsOf(profile)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := clientKey{hosts.Auth, profile.CAFile, paths.Stamp(profile.CAFile), profile.HeaderForm}
	if client, ok := c.clients[key]; ok {
		return client, nil
	}
	client, err := settings.NewClient(profile, log)
	if err != nil {
		return nil, err
	}
	if c.clients == nil {
		c.clients = map[clientKey]*anaplan.Client{}
	}
	c.clients[key] = client
	return client, nil
}
