//go:build cgo || windows

package piv

import (
	"cmp"
	"context"
	"crypto"
	"fmt"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// algorithms are the keys that Generate makes, and that a login can use: cards have RSA
// keys of no other lengths that are long enough.
var algorithms = map[int]yubikey.Algorithm{
	2048: yubikey.AlgorithmRSA2048,
	3072: yubikey.AlgorithmRSA3072,
	4096: yubikey.AlgorithmRSA4096,
}

// Generate makes an RSA key in the slot that the address names, which never leaves the
// card. It takes a card seconds, for 4096 bits half a minute and more. It returns
// hardware.ErrKeyExists if the slot has a key or a certificate, and makes no second one. Cards
// before firmware 5.3 do not tell of a key that was put on them; if it has no
// certificate, either, it is overwritten.
func Generate(ctx context.Context, address pivuri.URI, spec KeySpec, options Options) (KeyInfo, error) {
	if address.Slot == 0 {
		return KeyInfo{}, fmt.Errorf("%s: the key needs a slot: add ;slot=9c or another", address)
	}
	if err := hardware.CheckNew(spec.Bits); err != nil {
		return KeyInfo{}, err
	}
	spec.PIN = cmp.Or(spec.PIN, slotPolicy(address.Slot))
	spec.Touch = cmp.Or(spec.Touch, TouchNever)
	return visit(ctx, address, options, func(keys *keyring) (KeyInfo, error) {
		return keys.generate(ctx, keys.card.address(address.Slot), spec)
	})
}

// generate is Generate on an open card. Whether there is a key, and whether the card can
// make one, is looked at before the management key is asked for: nobody shall type it in
// vain.
func (r *keyring) generate(ctx context.Context, address pivuri.URI, spec KeySpec) (KeyInfo, error) {
	r.user.enrolling = true
	key, err := r.card.supports(spec)
	if err = cmp.Or(r.card.writable(address.Slot), err); err != nil {
		return KeyInfo{}, err
	}
	if err := r.isFree(address.Slot); err != nil {
		return KeyInfo{}, err
	}
	if spec.Attested {
		if err := r.card.attests(); err != nil {
			return KeyInfo{}, err
		}
	}
	var public crypto.PublicKey
	const doing = "generating the key"
	err = r.user.write(ctx, doing, func(management []byte) (err error) {
		if spec.Before != nil {
			if err := spec.Before(); err != nil {
				return err
			}
		}
		public, err = r.card.yk.GenerateKey(management, slotOf(address.Slot), key)
		return r.card.notPut(doing, address.Slot, spec, err)
	})
	if err != nil {
		return KeyInfo{}, fmt.Errorf("%s: %w", address, err)
	}
	// As it was asked for; reading it again would tell nothing else.
	return KeyInfo{
		Address: address, Type: keyType(public), Public: public, PIN: spec.PIN, Touch: spec.Touch,
		Generated: true, Problem: hardware.ErrNoCertificate,
	}, nil
}

// isFree refuses to put a key where there is one, or a certificate of one.
func (r *keyring) isFree(slot pivuri.Slot) error {
	there, err := r.readKey(slot)
	if err == nil && there != nil {
		err = fmt.Errorf("%w: %s (%s)", hardware.ErrKeyExists, there.Address, there.note())
	}
	if err == nil && !r.card.isYubiKey() && r.card.hasMetadata() {
		err = r.card.hasSlot(slot)
	}
	return err
}

// notPut says why a card of another maker does not make or take a key, which is what it lacks and not
// what went wrong. Of a management key that was refused it says nothing.
func (c *card) notPut(doing string, slot pivuri.Slot, spec KeySpec, err error) error {
	sw, refused := statusOf(err)
	if !refused || c.isYubiKey() || isAuthentication(err) {
		return err
	}
	words := sw.words()
	switch {
	case sw == statusWrongPlace:
		words = fmt.Sprintf("%s has no slot %s", c.name(), slot)
	case sw == statusNoFunction && spec.Touch != TouchNever:
		words = fmt.Sprintf("%s does not know the touch policy %q", c.name(), spec.Touch)
	case sw == statusNoFunction:
		words = fmt.Sprintf("%s does not know such keys, or the PIN policy %q", c.name(), spec.PIN)
	}
	return c.ofMaker(&deviceError{kind: ErrUnsupported, doing: doing, words: words, code: sw.code()})
}

// hasSlot returns why a slot cannot have a key, on cards of other makers, which leave some out.
func (c *card) hasSlot(slot pivuri.Slot) error {
	if _, err := c.yk.KeyInfo(slotOf(slot)); isStatus(err, statusWrongPlace) {
		return c.ofMaker(fmt.Errorf("%w: %s has no slot %s (%s)", ErrUnsupported, c.name(), slot, statusWrongPlace.code()))
	}
	return nil
}
