//go:build cgo || windows

package piv

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Which of a card's keys is meant is not guessed, but neither is a question asked that
// has one answer: most cards hold one key with a certificate that could log in.

// keyring is the keys of a card, and what can be done with them.
type keyring struct {
	card        *card
	user        *user
	progress    *progress
	certificate *x509.Certificate // that the caller gave; nil: it is in the slot
	now         time.Time
}

// key returns the key that the address names on the card. Where the address names no
// slot it is the only one that fits, which the caller tells.
func (r *keyring) key(address pivuri.URI, fits func(*slotKey) bool) (*slotKey, error) {
	if address.Slot != 0 {
		return r.keyIn(address.Slot)
	}
	all, err := r.keys(pivuri.Slots())
	if err != nil {
		return nil, err
	}
	fitting := slices.DeleteFunc(slices.Clone(all), func(k *slotKey) bool { return !fits(k) })
	switch len(fitting) {
	case 0:
		return nil, r.card.keyless(0, r.noneFits(all))
	case 1:
		return fitting[0], nil
	}
	return nil, ambiguousKeys(fitting)
}

// keyIn returns the key in a slot. Cards before firmware 5.3 do not tell of a key that was put on
// them; a certificate for it says that there is one, and a signature will show.
func (r *keyring) keyIn(slot pivuri.Slot) (*slotKey, error) {
	k, err := r.readKey(slot)
	switch {
	case err != nil || k != nil:
		return k, err
	case (r.certificate != nil || r.user.options.Public != nil) && !r.card.hasMetadata():
		return r.unshown(slot), nil
	}
	return nil, r.card.keyless(slot, r.noKey(slot))
}

// unshown is a key of which the card does not tell that it is there.
func (r *keyring) unshown(slot pivuri.Slot) *slotKey {
	return &slotKey{KeyInfo: KeyInfo{Address: r.card.address(slot), Type: unknownType}}
}

// keys reads slots, as far as that goes.
func (r *keyring) keys(slots []pivuri.Slot) (keys []*slotKey, err error) {
	for _, slot := range slots {
		k, err := r.readKey(slot)
		if err != nil {
			return keys, err
		}
		if k != nil {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// isCertified fits keys for a login: RSA, with a certificate, be it one that has ended,
// for then the error can say so.
func isCertified(k *slotKey) bool { return isRSA(k) && k.Certificate != nil }

// isRSA fits keys that could log in if they had a certificate.
func isRSA(k *slotKey) bool {
	return k.own == nil && k.believed() != nil && unusable(k.believed()) == nil
}

// isKeyOf fits the key of a certificate. What the card tells of the key comes before what
// another certificate in its slot says.
func isKeyOf(public crypto.PublicKey) func(*slotKey) bool {
	return func(k *slotKey) bool { return isRSA(k) && equal(k.believed(), public) }
}

func ambiguousKeys(keys []*slotKey) error {
	ambiguous := &hardware.AmbiguousError{What: "keys"}
	for _, k := range keys {
		ambiguous.Candidates = append(ambiguous.Candidates, k.Address.String())
		ambiguous.Notes = append(ambiguous.Notes, k.note())
	}
	return ambiguous
}

// note says what a key is, for a person who must choose: most know their certificate
// and not their slot.
func (k *slotKey) note() string {
	switch {
	case k.useless != nil:
		return k.Type + ", " + k.useless.Error()
	case k.Certificate == nil:
		return k.Type + " without a certificate"
	}
	return k.Type + ", " + hardware.Describe(k.Certificate)
}

// noKey says which slots hold keys instead of an empty one. These reads are on the way
// to an error only; one that fails changes nothing about that.
func (r *keyring) noKey(slot pivuri.Slot) error {
	all, _ := r.keys(pivuri.Slots())
	switch untold := r.card.untold(slot); {
	case untold != nil && len(all) > 0:
		return fmt.Errorf("%w; there are:%s", untold, list(all))
	case untold != nil:
		return untold
	case len(all) == 0:
		return fmt.Errorf("%w: %s: the slot is empty, as are all slots of %s", hardware.ErrNoKey, r.card.address(slot), r.card.name())
	}
	return fmt.Errorf("%w: %s: the slot is empty; there are:%s", hardware.ErrNoKey, r.card.address(slot), list(all))
}

// noneFits says why no slot is the one that was meant.
func (r *keyring) noneFits(all []*slotKey) error {
	switch untold := r.card.untold(0); {
	case len(all) > 0:
		return fmt.Errorf("%w: none of the keys of %s fits; there are:%s", hardware.ErrNoKey, r.card.name(), list(all))
	case untold != nil:
		return untold
	}
	return fmt.Errorf("%w: all slots of %s are empty", hardware.ErrNoKey, r.card.name())
}

func list(keys []*slotKey) string {
	var text strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&text, "\n  %s (%s)", k.Address, k.note())
	}
	return text.String()
}
