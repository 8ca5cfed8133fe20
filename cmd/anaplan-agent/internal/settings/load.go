package settings

// The configuration of the agent: all profiles of the file at once, each checked as far
// as it can be without a device or the network.

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// Config is a whole configuration: the agent's, its profiles and its clients.
type Config struct {
	Agent    *config.Agent
	Profiles []*config.Profile // sorted by name
	Clients  []*config.Client  // sorted by name
	Fleet    *config.Fleet     // nil: the agent is not a member of one
}

// Profile returns the profile of that name; nil if there is none.
func (l *Config) Profile(name string) *config.Profile {
	i := slices.IndexFunc(l.Profiles, func(p *config.Profile) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return l.Profiles[i]
}

// Client returns the client of that name; nil if there is none.
func (l *Config) Client(name string) *config.Client {
	i := slices.IndexFunc(l.Clients, func(c *config.Client) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return l.Clients[i]
}

// LoadAll reads the configuration. Without a file, or without a profile in it, the
// settings of flags and environment are the one profile.
func LoadAll(s *Settings) (*Config, error) {
	file, err := s.ReadConfig()
	if err != nil {
		return nil, err
	}
	agent, err := s.AgentIn(file)
	if err != nil {
		return nil, err
	}
	names := file.Profiles()
	if len(names) == 0 {
		names = []string{s.ProfileName()}
	}
	all := &Config{Agent: agent, Clients: file.Clients(), Fleet: file.Fleet()}
	for _, name := range names {
		profile, err := s.ProfileIn(file, name)
		if err != nil {
			return nil, err
		}
		if len(profile.Keys) == 0 {
			return nil, fmt.Errorf("profile %q: %w", name, ErrNoAddress)
		}
		all.Profiles = append(all.Profiles, profile)
	}
	if err := all.Fleet.Check(agent, all.Profiles); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return all, nil
}

// NewPolicy makes a profile's policy; nil for none.
func NewPolicy(profile *config.Profile) (*policy.Policy, error) {
	if len(profile.Policy) == 0 {
		return nil, nil
	}
	rules, err := policy.Parse(profile.Policy)
	if err != nil {
		return nil, fmt.Errorf("%w: profile %q: policy: %w", ErrSettings, profile.Name, err)
	}
	return rules, nil
}
