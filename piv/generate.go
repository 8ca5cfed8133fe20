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
	return call(ctx, options, func(v *visit) (KeyInfo, error) {
		v.enrolling = true
		c, err := v.card(ctx, address)
		if err != nil {
			return KeyInfo{}, err
		}
		defer v.leave(c)
		return v.generate(ctx, c, c.address(address.Slot), spec)
	}, forget)
}

// generate is Generate on an open card. Whether there is a key, and whether the card can
// make one, is looked at before the management key is asked for: nobody shall type it in
// vain.
func (v *visit) generate(ctx context.Context, c *card, address pivuri.URI, spec KeySpec) (KeyInfo, error) {
	key, err := c.supports(spec)
	if err != nil {
		return KeyInfo{}, err
	}
	if err := v.isFree(c, address.Slot); err != nil {
		return KeyInfo{}, err
	}
	var public crypto.PublicKey
	err = v.write(ctx, c, "generating the key", func(management []byte) (err error) {
		if spec.Before != nil {
			if err := spec.Before(); err != nil {
				return err
			}
		}
		public, err = c.yk.GenerateKey(management, slotOf(address.Slot), key)
		return err
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
func (v *visit) isFree(c *card, slot pivuri.Slot) error {
	there, err := v.readKey(c, slot)
	if err == nil && there != nil {
		err = fmt.Errorf("%w: %s (%s)", hardware.ErrKeyExists, there.Address, there.note())
	}
	return err
}

// supports returns the key as piv-go wants it, or why the card's firmware cannot make it
// (docs.yubico.com, "PIV: firmware"). Weak keys are those of the library that Infineon
// made for it: their public half gives away the private one (Yubico's security advisory
// YSA-2017-01).
func (c *card) supports(spec KeySpec) (yubikey.Key, error) {
	key, err := c.holds(spec)
	if err == nil && c.since(4, 2, 0) && !c.since(4, 3, 5) {
		err = c.unsupported("its RSA keys are weak (CVE-2017-15361), which firmware 4.3.5 has put right")
	}
	return key, err
}

// holds returns the key as piv-go wants it, or why the card's firmware cannot have it,
// wherever it is made. It is said here, since old firmware ignores what it does not know.
func (c *card) holds(spec KeySpec) (yubikey.Key, error) {
	key := yubikey.Key{Algorithm: algorithms[spec.Bits]}
	for number, policy := range pinPolicies {
		if policy == spec.PIN {
			key.PINPolicy = number
		}
	}
	for number, policy := range touchPolicies {
		if policy == spec.Touch {
			key.TouchPolicy = number
		}
	}
	switch {
	case key.PINPolicy == 0:
		return key, fmt.Errorf("PIN policies are never, once and always, not %q", spec.PIN)
	case key.TouchPolicy == 0:
		return key, fmt.Errorf("touch policies are never, always and cached, not %q", spec.Touch)
	}
	return key, c.lacks(spec)
}

// lacks returns what the card's firmware lacks for a key; nil for nothing.
func (c *card) lacks(spec KeySpec) error {
	switch {
	case spec.Bits > 2048 && !c.since(5, 7, 0):
		return c.unsupported(fmt.Sprintf("RSA %d needs firmware 5.7", spec.Bits))
	case !c.since(4, 0, 0):
		return c.unsupported("PIN and touch policies need firmware 4.0")
	case spec.Touch == TouchCached && !c.since(4, 3, 0):
		return c.unsupported("a cached touch needs firmware 4.3")
	}
	return nil
}

// unsupported is the error for what the card's firmware lacks.
func (c *card) unsupported(lacks string) error {
	return fmt.Errorf("%w: %s, and %s has %s", ErrUnsupported, lacks, c.name(), c.version())
}
