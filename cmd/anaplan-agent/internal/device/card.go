package device

// A key's place on a PIV card.

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// cardPlace is a Place on a card.
type cardPlace struct {
	*Device
	address pivuri.URI
}

// Address implements Place.
func (p cardPlace) Address(ctx context.Context) config.Address {
	cards, err := p.list(ctx)
	if err == nil && len(cards) == 1 && cards[0].Err == nil {
		card := cards[0].Address
		card.Slot = p.address.Slot
		return card
	}
	return p.address
}

// list lists the cards that fit. A card tells of its keys and certificates to anybody.
func (p cardPlace) list(ctx context.Context) ([]piv.Card, error) {
	return piv.List(ctx, p.address, p.cardOptions(p.address))
}

// FreeName implements Place: the first of the retired slots without a key. Other programs use
// the others for what the standard says.
func (p cardPlace) FreeName(ctx context.Context) (string, error) {
	whole := p
	whole.address.Slot = 0
	keys, err := whole.Keys(ctx, false)
	if err != nil {
		return "", err
	}
	var used []string
	for _, key := range keys {
		used = append(used, Name(key.Address))
	}
	for _, slot := range pivuri.Slots() {
		if slot.Retired() && !slices.Contains(used, slot.String()) {
			return slot.String(), nil
		}
	}
	return "", fmt.Errorf("%w: no slot from 82 to 95 is free on %s: name another with --slot", settings.ErrSettings, p.address)
}

// cardKey is a key on a card that is closed with the others.
type cardKey struct {
	*piv.Key
	closings *Closings
}

// Close implements Key.
func (k cardKey) Close() error {
	k.closings.add("the smart card service", func() { k.Key.Close() })
	return nil
}

// Open implements Place.
func (p cardPlace) Open(ctx context.Context, cert *x509.Certificate) (Key, error) {
	options := p.cardOptions(p.address)
	options.Certificate = cert
	key, err := piv.Open(ctx, p.address, options)
	if err != nil {
		return nil, err
	}
	return cardKey{key, p.Closings}, nil
}

// Keys implements Place.
func (p cardPlace) Keys(ctx context.Context, _ bool) (found []FoundKey, err error) {
	cards, err := p.list(ctx)
	for _, card := range cards {
		for _, key := range card.Keys {
			found = append(found, foundOnCard(key))
		}
	}
	return found, err
}

// foundOnCard returns a key of a listing.
func foundOnCard(key piv.KeyInfo) FoundKey {
	return FoundKey{Address: key.Address, Public: key.Public, Certificate: key.Certificate, Newest: key.Certificate, Problem: key.Problem}
}

// Shown implements Place. Like piv.Open it passes over keys without a certificate and those that
// cannot log in with any.
func (p cardPlace) Shown(ctx context.Context) (FoundKey, bool) {
	cards, err := p.list(ctx)
	if err != nil || len(cards) != 1 || cards[0].Err != nil {
		return FoundKey{}, false
	}
	keys := slices.DeleteFunc(cards[0].Keys, func(key piv.KeyInfo) bool {
		return key.Certificate == nil || errors.Is(key.Problem, hardware.ErrUnusableKey)
	})
	if len(keys) != 1 {
		return FoundKey{}, false
	}
	return foundOnCard(keys[0]), true
}

// spec returns piv's. "default" is the slot's own policy, which package piv knows.
func (s KeySpec) card() piv.KeySpec {
	spec := piv.KeySpec{Bits: s.Bits, PIN: piv.PINPolicy(s.PINPolicy), Touch: piv.TouchPolicy(s.TouchPolicy), Attested: s.Attested, Before: s.Before}
	if s.PINPolicy == "default" {
		spec.PIN = ""
	}
	return spec
}

// Make implements Place.
func (p cardPlace) Make(ctx context.Context, spec KeySpec) (config.Address, error) {
	// Said, because the card is silent for so long that people pull it out.
	spec.Before = spec.beginning(func() {
		p.Say.Note("making an RSA key of %d bits on the card, which takes some seconds, for long keys a minute", spec.Bits)
	})
	var key piv.KeyInfo
	err := p.alone(ctx, p.address, func() error {
		return p.writeCard(spec.ManagementKey, p.address, func(options piv.Options) (err error) {
			key, err = piv.Generate(ctx, p.address, spec.card(), options)
			return err
		})
	})
	return key.Address, err
}

// Import implements Place.
func (p cardPlace) Import(ctx context.Context, key *rsa.PrivateKey, spec KeySpec) (config.Address, error) {
	spec.Bits = key.N.BitLen()
	err := p.writeCard(spec.ManagementKey, p.address, func(options piv.Options) error {
		_, err := piv.Import(ctx, p.address, key, spec.card(), options)
		return err
	})
	if err == nil {
		p.Say.Note("the key is on the card as %s, and cannot be taken out again", p.address)
	}
	return p.address, err
}

// Request implements Place.
func (p cardPlace) Request(ctx context.Context, template *x509.CertificateRequest, public *rsa.PublicKey) ([]byte, error) {
	options := p.cardOptions(p.address)
	options.Public = public
	return piv.CertificateRequest(ctx, p.address, options, template)
}

// StoreCertificate implements Place.
func (p cardPlace) StoreCertificate(ctx context.Context, cert *x509.Certificate, managementKey string) (stored bool, err error) {
	err = p.writeCard(managementKey, p.address, func(options piv.Options) (err error) {
		stored, err = piv.StoreCertificate(ctx, p.address, cert, options)
		return err
	})
	return stored, err
}

// Delete implements Place.
func (p cardPlace) Delete(ctx context.Context, managementKey string) (deleted []string, err error) {
	err = p.writeCard(managementKey, p.address, func(options piv.Options) (err error) {
		deleted, err = piv.Delete(ctx, p.address, options)
		return err
	})
	return deleted, err
}

// Attest implements Attester. The card signs with a key of its own from the factory, and asks
// for no PIN.
func (p cardPlace) Attest(ctx context.Context) (certs []*x509.Certificate, doubt, err error) {
	attestation, err := piv.Attest(ctx, p.address, p.cardOptions(p.address))
	if err != nil {
		return nil, nil, err
	}
	certs = append(certs, attestation.Certificate)
	if attestation.Intermediate != nil {
		certs = append(certs, attestation.Intermediate)
	}
	return certs, attestation.Problem, nil
}
