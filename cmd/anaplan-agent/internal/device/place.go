package device

// One way to a key, whatever holds it. This is where tokens and cards part: each fulfils Place,
// and above this package nobody asks which of them an address leads to.

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Place is where a key is, or is to be made: an address, and the device that it leads to. What
// only tokens or only cards do is in ChainStore and Attester.
type Place interface {
	// Address returns the address, of a card with the serial number of the only one that fits:
	// there may be a second card when the CA answers. Where several fit, or none, it is as it was.
	Address(ctx context.Context) config.Address

	// FreeName returns the label or slot that a second key may have, beside the one there.
	FreeName(ctx context.Context) (string, error)

	// Open opens the key, with this certificate or, for nil, with the one on the device.
	Open(ctx context.Context, cert *x509.Certificate) (Key, error)

	// Keys returns the keys that the address fits, also beside an error. Where it does not log
	// in, it asks for no PIN, and a token may hide some.
	Keys(ctx context.Context, logIn bool) ([]FoundKey, error)

	// Shown returns the key that a login would use, as far as that shows without a PIN. On any
	// error it is false: opening the key afterwards meets the same trouble and reports it.
	Shown(ctx context.Context) (FoundKey, bool)

	// Make makes a key and returns its address, by the names that the device has given it, which may
	// not be those asked for. Where there is a key it is hardware.ErrKeyExists.
	Make(ctx context.Context, spec KeySpec) (config.Address, error)

	// Import puts a key from outside there and returns its address, by the names that the device has
	// given it. Where there is a key, or the same key elsewhere on the device, it is
	// hardware.ErrKeyExists and the address of that.
	Import(ctx context.Context, key *rsa.PrivateKey, spec KeySpec) (config.Address, error)

	// Request has the key sign a PKCS#10 request, which is returned in DER. public is the key's public key
	// where the device does not tell it; nil: it does.
	Request(ctx context.Context, template *x509.CertificateRequest, public *rsa.PublicKey) ([]byte, error)

	// StoreCertificate stores the key's certificate, unless it is there already. The device
	// refuses one of another key.
	StoreCertificate(ctx context.Context, cert *x509.Certificate, managementKey string) (stored bool, err error)

	// Delete deletes the key and its certificates and returns what it has deleted, also beside
	// an error.
	Delete(ctx context.Context, managementKey string) (deleted []string, err error)
}

// ChainStore is a Place that has room for the certificates of CAs.
type ChainStore interface {
	// Chain returns those that the device shows without a PIN.
	Chain(ctx context.Context) []*x509.Certificate

	// StoreChain returns how many it has stored: those that are there stay.
	StoreChain(ctx context.Context, chain []*x509.Certificate) (stored int, err error)
}

// Attester is a Place that certifies that its keys were made there.
type Attester interface {
	// Attest returns the certificates, the key's first, and why they will not convince a CA;
	// nil: they will.
	Attest(ctx context.Context) (certs []*x509.Certificate, doubt, err error)
}

// FoundKey is a key that a device shows.
type FoundKey struct {
	Address     config.Address    // that means this key only
	Public      crypto.PublicKey  // nil where the device does not tell
	Certificate *x509.Certificate // that a login uses; nil without
	Newest      *x509.Certificate // is Certificate, or else the one that ended last
	Problem     error             // why the key cannot log in; nil: it can
}

// PublicKey returns the key's public key, of its certificate where the device does not tell; nil
// without either.
func (k FoundKey) PublicKey() crypto.PublicKey {
	if k.Public == nil && k.Certificate != nil {
		return k.Certificate.PublicKey
	}
	return k.Public
}

// KeySpec says what key Make makes, or how Import puts one there.
type KeySpec struct {
	Bits int // of Make

	// PINPolicy, TouchPolicy and ManagementKey are the flags' texts, for cards only; "": the
	// defaults.
	PINPolicy, TouchPolicy string
	ManagementKey          string

	// Attested: the key will be attested, so a card that cannot do that does not make it.
	Attested bool

	// Before is called right before Make makes the key; its error ends it. nil: nothing is.
	Before func() error
}

// beginning returns Before with what is told a person: the key is about to be made, as the device
// has been found and has taken the PIN.
func (s KeySpec) beginning(tell func()) func() error {
	return func() error {
		if s.Before != nil {
			if err := s.Before(); err != nil {
				return err
			}
		}
		tell()
		return nil
	}
}

// At returns the place of an address.
func (d *Device) At(address config.Address) Place {
	if card, ok := address.(pivuri.URI); ok {
		return cardPlace{d, card}
	}
	return tokenPlace{d, address.(uri.URI)}
}

// Either calls the function for what the address is of, for work that tokens and cards do not
// share, such as an examination.
func Either(address config.Address, token func(uri.URI), card func(pivuri.URI)) {
	switch address := address.(type) {
	case uri.URI:
		token(address)
	case pivuri.URI:
		card(address)
	}
}

// IsCard reports whether an address is of a key on a card, for what a person is told.
func IsCard(address config.Address) bool { return address.Scheme() == pivuri.Scheme }

// Name returns what tells a key from others of its device: the label or the slot; "" without.
func Name(address config.Address) string {
	label, _ := address.Get("object")
	slot, _ := address.Get("slot")
	return cmp.Or(slot, label)
}

// WithName returns the address with another label or slot.
func WithName(address config.Address, name string) (config.Address, error) {
	if card, ok := address.(pivuri.URI); ok {
		slot, err := pivuri.ParseSlot(name)
		card.Slot = slot
		return card, err
	}
	token := address.(uri.URI)
	if Name(token) != name {
		token = token.Without("id") // that is of the other key
	}
	return token.With("object", name), nil
}

// CheckNamed refuses an address that does not say what a key is to be called. what is "the key",
// or "the new key".
func CheckNamed(address config.Address, what string) error {
	switch {
	case Name(address) != "":
		return nil
	case !IsCard(address):
		return fmt.Errorf("%w: --key %s: %s needs a name: add ;object=NAME to the address", settings.ErrSettings, address, what)
	}
	suggested, _ := WithName(address, DefaultSlot.String())
	return fmt.Errorf("%w: --key %s: %s needs a slot, as in %s", settings.ErrSettings, address, what, suggested)
}
