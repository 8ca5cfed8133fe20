//go:build cgo || windows

package piv

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Attest returns the card's certificate that says that the key which address names was
// made on it, and cannot leave it. ErrUnsupported: the firmware is too old, or the key
// was put on the card.
func Attest(ctx context.Context, address pivuri.URI, options Options) (*Attestation, error) {
	return visit(ctx, address, options, func(keys *keyring) (*Attestation, error) {
		return keys.attest(address)
	})
}

// An attestation is worth something to the issuer of the certificate: it says that the key is on a
// card, and with which policies. So it is handed on with what speaks against it, and not held
// back: whether that matters is not for this package to say.

// attest is Attest on an open card. It wants neither PIN nor management key.
func (r *keyring) attest(address pivuri.URI) (*Attestation, error) {
	if err := r.card.attests(); err != nil {
		return nil, err
	}
	k, err := r.key(address, func(k *slotKey) bool { return k.own == nil && k.Generated })
	if err != nil {
		return nil, err
	}
	r.progress.card("attesting the key")
	statement, err := r.card.yk.Attest(slotOf(k.Address.Slot))
	if _, refused := statusOf(err); refused || errors.Is(err, yubikey.ErrNotFound) {
		return nil, k.notAttested()
	}
	if err != nil {
		return nil, inWords("attesting the key", err)
	}
	attestation := &Attestation{Certificate: statement}
	attestation.Intermediate, err = r.card.yk.AttestationCertificate()
	if isStatus(err, statusNotFound, statusNoReference) {
		attestation.Problem = errors.New("the card holds no attestation certificate of its own")
		return attestation, nil
	}
	if err != nil {
		return nil, inWords("reading the attestation certificate", err)
	}
	attestation.Problem = r.card.doubt(attestation)
	return attestation, nil
}

// attests says why a card attests no key; nil: it does.
func (c *card) attests() error {
	switch {
	case !c.isYubiKey():
		return fmt.Errorf("%w: only YubiKeys attest their keys so that it can be checked, and %s is not one", ErrNotAttested, c.name())
	case !c.since(4, 3, 0):
		return fmt.Errorf("%w: attestation needs firmware 4.3, and %s has %s", ErrUnsupported, c.name(), c.version())
	}
	return nil
}

// notAttested says why a key is not attested. Cards refuse empty slots and imported keys
// by the same status word; readKey has seen that there is a key.
func (k *slotKey) notAttested() error {
	if k.own != nil {
		return fmt.Errorf("%s: %w", k.Address, k.own)
	}
	return fmt.Errorf("%w: %s: the card attests only keys that were made on it, and this one was put on it", ErrNotAttested, k.Address)
}

// doubt returns why the attestation does not lead to one of Yubico's roots, or is not
// this card's; nil if all is well.
func (c *card) doubt(a *Attestation) error {
	// A copy, because piv-go mends the certificates of some YubiKeys 4 in place.
	intermediate, err := x509.ParseCertificate(a.Intermediate.Raw)
	if err != nil {
		return err
	}
	told, err := yubikey.Verify(intermediate, a.Certificate)
	if err != nil {
		return fmt.Errorf("it does not lead to a root of Yubico's: %w", err)
	}
	// Nobody but a card that lies, or a program in between, can have this happen.
	if told.Serial != c.serial && c.serial != 0 {
		return fmt.Errorf("it is one of YubiKey %d", told.Serial)
	}
	return nil
}
