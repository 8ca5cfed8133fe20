//go:build cgo || windows

package piv

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Import puts an RSA key that exists already into the slot that the address names. The
// card gives it out to nobody, but copies of it elsewhere are as good as before, and the
// card does not attest it. It returns hardware.ErrKeyExists if the slot has a key or a certificate.
// Cards before firmware 5.3 do not tell of a key that was put on them; if it has no
// certificate, either, it is overwritten.
//
// From firmware 5.3 the key is read back; and it signs once, if it wants no touch, and no
// PIN or there is Options.PIN, which is asked before anything is written. On older cards
// it signs in any case. A key that fails there is deleted again from firmware 5.7 on; from
// older cards no key can be taken.
//
// Import overwrites no key of the caller's, nor what piv-go and Go's own numbers leave
// behind of it in memory.
func Import(ctx context.Context, address pivuri.URI, key *rsa.PrivateKey, spec KeySpec, options Options) (KeyInfo, error) {
	if address.Slot == 0 {
		return KeyInfo{}, fmt.Errorf("%s: the key needs a slot: add ;slot=9c or another", address)
	}
	private, err := hardware.Importable(key, fitsCards)
	if err != nil {
		return KeyInfo{}, ofCard(fmt.Errorf("%s: %w", address, err))
	}
	bits := private.N.BitLen()
	if spec.Bits = cmp.Or(spec.Bits, bits); spec.Bits != bits {
		return KeyInfo{}, fmt.Errorf("%s: the key has %d bits, and %d are asked for", address, bits, spec.Bits)
	}
	spec.PIN = cmp.Or(spec.PIN, slotPolicy(address.Slot))
	spec.Touch = cmp.Or(spec.Touch, TouchNever)
	return visit(ctx, address, options, func(keys *keyring) (KeyInfo, error) {
		return keys.importKey(ctx, keys.card.address(address.Slot), private, spec)
	})
}

// cardExponent is the only public exponent that cards compute with: it is not among what
// they are told of a key (docs.yubico.com, "Import key").
const cardExponent = 65537

// fitsCards returns why no card takes a key of two primes; nil if some do.
func fitsCards(key *rsa.PrivateKey) error {
	if err := unusable(&key.PublicKey); err != nil {
		return err
	}
	switch half := key.N.BitLen() / 2; {
	case key.Primes[0].BitLen() != half || key.Primes[1].BitLen() != half:
		return fmt.Errorf("%w: its primes have %d and %d bits, and cards want two of %d",
			hardware.ErrUnusableKey, key.Primes[0].BitLen(), key.Primes[1].BitLen(), half)
	case key.E != cardExponent:
		return fmt.Errorf("%w: its public exponent is %d, and cards compute with %d only", hardware.ErrUnusableKey, key.E, cardExponent)
	}
	return nil
}

// importKey is Import on an open card. A PIN that is wrong or not given is met before the
// key is written: most cards cannot give it back.
func (r *keyring) importKey(ctx context.Context, address pivuri.URI, private *rsa.PrivateKey, spec KeySpec) (KeyInfo, error) {
	r.user.enrolling = true
	policies, err := r.card.holds(spec)
	if err = cmp.Or(r.card.writable(address.Slot), err); err != nil {
		return KeyInfo{}, err
	}
	if err := r.isFree(address.Slot); err != nil {
		return KeyInfo{}, err
	}
	k := importedKey{r, &slotKey{KeyInfo: KeyInfo{
		Address: address, Type: keyType(&private.PublicKey), Public: &private.PublicKey,
		PIN: spec.PIN, Touch: spec.Touch, Problem: hardware.ErrNoCertificate,
	}}}
	if err := k.prepareToSign(ctx); err != nil {
		return KeyInfo{}, fmt.Errorf("%s: %w", address, err)
	}
	var management []byte // that the card took
	defer func() { clear(management) }()
	const doing = "importing the key"
	err = r.user.write(ctx, doing, func(key []byte) error {
		// Insecure, piv-go says, because the key has been elsewhere.
		err := r.card.yk.SetPrivateKeyInsecure(key, slotOf(address.Slot), private, policies)
		if err == nil {
			management = bytes.Clone(key)
		}
		return r.card.notPut(doing, address.Slot, spec, err)
	})
	if err != nil {
		return KeyInfo{}, fmt.Errorf("%s: %w", address, err)
	}
	if err := k.prove(ctx); err != nil {
		return KeyInfo{}, fmt.Errorf("%s: %w", address, k.takeBack(management, err))
	}
	return k.KeyInfo, nil
}

type importedKey struct {
	keys *keyring
	*slotKey
}

// signs reports whether the key has to sign. Where the card tells what key it has, a signature is
// made only if that needs neither a touch nor a PIN that cannot be asked for.
func (k importedKey) signs() bool {
	if !k.keys.card.hasMetadata() {
		return true
	}
	return k.Touch == TouchNever && (!k.WantsPIN() || k.keys.user.options.PIN != nil)
}

// prepareToSign gets the PIN for the signature of a key that is yet to be imported, and
// finds out whether it is right. It is sent once more for the signature itself.
func (k importedKey) prepareToSign(ctx context.Context) error {
	if !k.signs() {
		return nil
	}
	user := k.keys.user
	if err := user.attended(k.slotKey); err != nil {
		return err
	}
	if err := user.askIfWanted(ctx, k.slotKey); err != nil || user.pin.Value == nil {
		return err
	}
	user.pinAgain = true
	return user.verify()
}

// prove compares the key as the card has it with what was to be put there, and has
// it sign.
func (k importedKey) prove(ctx context.Context) error {
	c, user := k.keys.card, k.keys.user
	if c.hasMetadata() {
		user.progress.card("reading the key back")
		got := &slotKey{KeyInfo: KeyInfo{Address: k.Address}}
		there, err := c.readMetadata(got, k.Address.Slot)
		switch {
		case err != nil:
			return err
		case !there || !equal(k.Public, got.Public):
			return fmt.Errorf("%w: it tells of another key than was put on it", ErrDevice)
		case got.PIN != "" && got.PIN != k.PIN || got.Touch != "" && got.Touch != k.Touch:
			return fmt.Errorf("%w: it has given the key the policies PIN %s and touch %s, not PIN %s and touch %s",
				ErrDevice, got.PIN, got.Touch, k.PIN, k.Touch)
		}
	}
	if !k.signs() {
		return context.Cause(ctx) // a caller that gave up was told that there is no key
	}
	user.pinAgain = false
	_, err := user.sign(ctx, k.slotKey, k.Public.(*rsa.PublicKey), crypto.SHA256, []byte(hardware.ProbeText))
	return err
}

// takeBack deletes a key that was imported in vain, where that is possible, and returns
// err with where the key is if it is not.
func (k importedKey) takeBack(key []byte, err error) error {
	c, progress := k.keys.card, k.keys.progress
	stays := fmt.Errorf("%w; the key is in the slot all the same, where only a new one takes its place", err)
	if !c.since(5, 7, 0) {
		return stays
	}
	progress.card("deleting the key again")
	failure := c.byRaw(func(raw *rawCard) error {
		m, err := c.managementBy(raw)
		if err == nil {
			err = progress.touching(m.touch, func() error { return raw.authenticate(m, key) })
		}
		if err == nil {
			err = raw.deleteKey(k.Address.Slot)
		}
		return err
	})
	if isStatus(failure, statusUnknown) {
		return stays
	}
	if failure != nil {
		return fmt.Errorf("%w; and the key, which is in the slot, could not be deleted again: %w", err, inWords("deleting the key", failure))
	}
	return err
}
