package device

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// listing is what was found, tokens before cards: the two are listed apart, since what a
// person wants to know of them differs.
type listing struct {
	tokens []hsm.Token
	cards  []ListedCard
}

// ListedCard is a card, and the slot that was asked for; 0: all.
type ListedCard struct {
	piv.Card
	slot pivuri.Slot
}

// IsEmpty reports whether there is nothing to see.
func (l listing) IsEmpty() bool { return len(l.tokens)+len(l.cards) == 0 }

// Failure returns why the one device that the address names could not be read to its end. What
// there was to see has been printed. With several devices, trouble with one shows in the listing
// and is not a failure of the command.
func (l listing) Failure() error {
	switch {
	case len(l.tokens)+len(l.cards) != 1:
		return nil
	case len(l.cards) == 1:
		return l.cards[0].Err
	}
	return l.tokens[0].Err
}

// PrintListing prints what was found, also where something else failed: of two
// devices one may be away, and the other is still worth seeing.
func PrintListing(found listing, asJSON bool) error {
	if asJSON {
		return console.PrintJSON(listJSON(found))
	}
	return console.PrintResult(console.Marked(listText(found), ofUse()))
}

// List lists what fits the profile's addresses. Beside the error is what the other
// addresses gave.
func (d *Device) List(ctx context.Context) (found listing, err error) {
	if _, err := d.Address(); err != nil {
		return found, err
	}
	cert, err := d.certificate()
	if err != nil {
		return found, err
	}
	var failures []error
	for _, address := range d.Profile.Keys {
		switch address := address.(type) {
		case uri.URI:
			tokens, err := d.listTokens(ctx, address, cert)
			found.tokens = append(found.tokens, tokens...)
			failures = append(failures, err)
		case pivuri.URI:
			cards, err := d.listCards(ctx, address, cert)
			found.cards = append(found.cards, cards...)
			failures = append(failures, err)
		}
	}
	return found, errors.Join(failures...)
}

// Look lists what fits an address and shows without a PIN, in the shape of keys --json, and has tell
// take it while the device is open still: how that closes changes nothing of it.
func Look(ctx context.Context, address config.Address, limit time.Duration, say *console.Messenger, tell func(entries []any, problem error) error) error {
	ctx, deadline, end := console.WithDeadline(ctx, limit)
	defer end()
	d := New(&config.Profile{Keys: []config.Address{address}, PIN: config.PINSource{Kind: config.PINNone}}, deadline, say)
	defer d.close(d.Closings.End)
	found, err := d.List(ctx)
	return tell(listJSON(found), err)
}

// listTokens lists the tokens that fit an address. A PIN is asked for where it names
// one token: private keys are hidden until then (PKCS#11 section 4.4, CKA_PRIVATE).
func (d *Device) listTokens(ctx context.Context, address uri.URI, cert *x509.Certificate) ([]hsm.Token, error) {
	options := d.tokenOptions(address)
	options.Certificate = cert
	if d.Profile.PIN.Kind == config.PINNone { // requested, so keys that stay hidden are not an error
		options.PIN = nil
	}
	tokens, err := hsm.List(ctx, address, options)
	for i := range tokens {
		d.judgeListed(&tokens[i])
	}
	return tokens, err
}

// listCards lists the cards that fit an address. A card shows its certificates and tells
// of its keys to anybody, so no PIN is asked for and none can be refused.
func (d *Device) listCards(ctx context.Context, address pivuri.URI, cert *x509.Certificate) ([]ListedCard, error) {
	options := d.cardOptions(address)
	options.Certificate = cert
	cards, err := piv.List(ctx, address, options)
	var listed []ListedCard
	for _, card := range cards {
		listed = append(listed, ListedCard{card, address.Slot})
	}
	return listed, err
}

// judgeListed looks at the login to a token. Where no person can be asked for a PIN, and no source
// was set, listing what shows without a PIN is a success: that is what a first look is for. A
// source that was set and gave no PIN is a failure.
func (d *Device) judgeListed(token *hsm.Token) {
	if errors.Is(token.Err, console.ErrNoTerminal) && d.Profile.PIN.Kind == "" {
		d.Say.Note("no terminal to ask for a PIN on: the private keys of token %q stay hidden (--pin says where the PIN is)", token.Label)
		token.Err = nil
	}
}
