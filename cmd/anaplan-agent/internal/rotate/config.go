package rotate

// The configuration file whose key is replaced.

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// configFile is a configuration file, by its path.
type configFile string

// users names the profiles that may mean a key.
func (c configFile) users(address config.Address) ([]string, error) {
	file, err := settings.ParseConfig(string(c))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range file.Profiles() {
		profile, err := file.Profile(name, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", settings.ErrSettings, err)
		}
		if slices.ContainsFunc(profile.Keys, func(key config.Address) bool { return enroll.MayMean(key, address) }) {
			names = append(names, name)
		}
	}
	return names, nil
}

// keep keeps the file as it is in another one, whose path it returns.
func (c configFile) keep() (backup string, err error) {
	data, err := console.ReadInput(string(c))
	if err != nil {
		return "", err
	}
	backup = string(c) + ".before-rotation"
	return backup, atomicfile.Write(backup, data, atomicfile.Options{Like: string(c)})
}

// has reports whether a profile may have a key by now in the place of another one, and whether that is
// with its certificate. The other one's address may mean either, where a device gives its keys the same
// label.
func (c configFile) has(profile string, before, wanted entry) (key, both bool, err error) {
	users, err := c.users(mustAddress(wanted.key))
	if err != nil || !slices.Contains(users, profile) {
		return false, false, err
	}
	file, err := settings.ParseConfig(string(c))
	if err != nil {
		return false, false, err
	}
	is, err := file.Profile(profile, nil)
	if err != nil {
		return false, false, err
	}
	old := mustAddress(before.key).String()
	if before.key != wanted.key && slices.ContainsFunc(is.Keys, func(key config.Address) bool { return key.String() == old }) {
		return false, false, nil
	}
	return true, is.Certificate == wanted.certificate, nil
}

// replace writes the file with another key in a profile, and its certificate.
func (c configFile) replace(profile string, before, after entry) error {
	there, _, err := c.has(profile, before, after)
	if err != nil {
		return err
	}
	changed, err := console.ReadText(string(c))
	if err != nil {
		return err
	}
	if !there {
		changed, err = config.ReplaceKey(string(c), changed, profile, before.key, after.key)
	}
	if err == nil {
		changed, err = config.ReplaceCertificate(string(c), changed, profile, after.certificate)
	}
	if err != nil {
		return fmt.Errorf("%w: %w; then call this again", settings.ErrSettings, err)
	}
	return atomicfile.Write(string(c), changed, atomicfile.Options{})
}
