package main

// The configuration of the agent: all profiles of the file at once, each checked as far
// as it can be without a device or the network.

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// loaded is a configuration.
type loaded struct {
	agent    *config.Agent
	profiles []*config.Profile // sorted by name
	clients  []*config.Client  // sorted by name
}

// profile returns the profile of that name; nil if there is none.
func (l *loaded) profile(name string) *config.Profile {
	i := slices.IndexFunc(l.profiles, func(p *config.Profile) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return l.profiles[i]
}

// client returns the client of that name; nil if there is none.
func (l *loaded) client(name string) *config.Client {
	i := slices.IndexFunc(l.clients, func(c *config.Client) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return l.clients[i]
}

// loadAll reads the configuration. Without a file, or without a profile in it, the
// settings of flags and environment are the one profile.
func loadAll(settings *settings) (*loaded, error) {
	file, err := settings.readConfig()
	if err != nil {
		return nil, err
	}
	agent, err := settings.agentIn(file)
	if err != nil {
		return nil, err
	}
	names := file.Profiles()
	if len(names) == 0 {
		names = []string{settings.profileName()}
	}
	all := &loaded{agent: agent, clients: file.Clients()}
	for _, name := range names {
		profile, err := settings.profileIn(file, name)
		if err != nil {
			return nil, err
		}
		if len(profile.Keys) == 0 {
			return nil, fmt.Errorf("profile %q: %w", name, errNoAddress)
		}
		all.profiles = append(all.profiles, profile)
	}
	return all, nil
}
