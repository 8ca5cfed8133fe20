package rotate

// A second key that was made elsewhere, by its maker's tool: devices whose modules make no keys (PIV
// cards behind OpenSC, GIDS cards, some HSMs) have their keys renewed by it.

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// checkNewKey refuses flags of a key to be made beside --new-key, which is for one that is there.
func (o Order) checkNewKey(command string) error {
	if o.NewKey == "" && o.PublicKey != "" {
		return explain.Usagef(command, "--public-key is for --new-key: the device tells that of a key that it makes")
	}
	if o.NewKey == "" {
		return nil
	}
	for flag, given := range map[string]bool{"--object": o.Object != "", "--slot": o.Slot != "", "--bits": o.Bits != 0, o.Card.Given(): o.Card.Given() != ""} {
		if given {
			return explain.Usagef(command, "%s is for a key that is to be made, and --new-key is one that there is: choose one of the two", flag)
		}
	}
	if _, err := config.ParseAddress(o.NewKey); err != nil {
		return explain.Usagef(command, "--new-key: %v", err)
	}
	return nil
}

// take begins a rotation to a key that is there, and has it sign its request.
func (s *Session) take(e enroll.Enrolment, old config.Address, present *x509.Certificate, given config.Address) error {
	key, err := s.thatIsThere(given, e.PublicKey != "")
	if err != nil {
		return err
	}
	switch {
	case publicHash(key.PublicKey()) == publicHash(present.PublicKey):
		return fmt.Errorf("%w: --new-key %s is the key that the profile has: name the new one (%s keys shows it)", settings.ErrSettings, given, build.Program)
	case enroll.MayMean(old, key.Address):
		return fmt.Errorf("%w: the key in the configuration is %s, which would also fit the new key, %s: write the whole address of the old one there first (%s keys shows it)", settings.ErrSettings, old, key.Address, build.Program)
	}
	s.Say.Note("the new key is %s", key.Address)
	s.begin(e, old, present, key.Address)
	s.rotation.Taken = true
	return s.ask(e, key.Address)
}

// thatIsThere returns the one key that an address means. unseen: it may be one that the device does not show,
// as cards do before there is a certificate; whether it is there, its request shows.
func (s *Session) thatIsThere(given config.Address, unseen bool) (device.FoundKey, error) {
	place := s.Device.At(given)
	found, err := place.Keys(s.Ctx, true)
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && unseen && (err == nil || errors.Is(err, hardware.ErrNoKey)):
		return device.FoundKey{Address: place.Address(s.Ctx)}, nil
	case err != nil:
		return device.FoundKey{}, err
	case len(found) == 0:
		return device.FoundKey{}, fmt.Errorf("%w: %s: have its maker's tool make it first", hardware.ErrNoKey, given)
	}
	several := &hardware.AmbiguousError{What: "keys"}
	for _, key := range found {
		several.Candidates = append(several.Candidates, key.Address.String())
	}
	return device.FoundKey{}, several
}
