package main

// The configuration of the agent: all profiles of the file at once, each checked as far
// as it can be without a device or the network.

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// loaded is a configuration.
type loaded struct {
	agent    *config.Agent
	profiles []*config.Profile // sorted by name
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
	all := &loaded{agent: agent}
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
