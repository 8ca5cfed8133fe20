package enroll

// What a configuration file lacks for logins with a key.

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// Lacking says what the configuration file at path lacks for logins with the key that has logged in, and
// with its certificate where that is kept in a file. The flag is --config, if that was given.
func Lacking(r *device.Run, file *config.File, path string, address config.Address, kept Kept, configFlag string) string {
	profile, err := file.Profile(r.Profile.Name, nil)
	has := err == nil && len(profile.Keys) > 0 && MayMean(profile.Keys[0], address)
	switch {
	case has && kept != "" && paths.Absolute(profile.Certificate) != paths.Absolute(string(kept)):
		return fmt.Sprintf("The profile %q in %s has this key already, and needs its certificate:\n\n%s", r.Profile.Name, path, kept.Setting())
	case has:
		return fmt.Sprintf("The profile %q has this key already. A token: %s token%s", r.Profile.Name, build.Program, configFlag+ProfileFlag(r.Profile.Name))
	case slices.Contains(file.Profiles(), r.Profile.Name):
		return fmt.Sprintf("The profile %q in %s has another key. To use this one in its place, these lines take the place of its own; to have both, give them another name, and say --profile NAME:\n\n%s", r.Profile.Name, path, ConfigText(r, address))
	}
	if configFlag != "" {
		return fmt.Sprintf("To log in by%s, put this into %s:\n\n%s", configFlag+ProfileFlag(r.Profile.Name), path, ConfigText(r, address))
	}
	return fmt.Sprintf("To log in without flags, put this into %s:\n\n%s", path, ConfigText(r, address))
}

// ProfileFlag returns the flag that names a profile, where one is needed.
func ProfileFlag(name string) string {
	if name == config.DefaultProfile {
		return ""
	}
	return " --profile " + shell.Quote(name)
}
