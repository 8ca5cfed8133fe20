package main

// The listing of a device: what is asked of it. How it is shown is in listing.go and
// listingjson.go.

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

const keysHelp = `keys lists the tokens, cards, keys and certificates that fit the address, which of
the keys can log in, and why the others cannot. The addresses that it prints are
ready to copy into --key.

  anaplan-agent keys --key piv:                                  YubiKeys
  anaplan-agent keys --key 'pkcs11:?module-name=softhsm2'
  anaplan-agent keys --key 'pkcs11:token=demo?module-path=/usr/lib/libvendor.so'

Tokens hide their private keys until somebody logs in. keys logs in where the
address names one token; --pin none shows what is to be seen without a PIN. A
YubiKey shows everything without its PIN, which is not asked for.`

// newKeysCommand returns the keys command.
func newKeysCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "list the keys and certificates of a device",
		Long:  keysHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, deviceSettings)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		found, err := run.device.list(run.ctx)
		if found.isEmpty() && err != nil {
			return err
		}
		return errors.Join(printListing(found, *asJSON), err, found.failure())
	})
	return cmd
}

// listing is what was found, tokens before cards: the two are listed apart, since what a
// person wants to know of them differs.
type listing struct {
	tokens []hsm.Token
	cards  []listedCard
}

// listedCard is a card, and the slot that was asked for; 0: all.
type listedCard struct {
	piv.Card
	slot pivuri.Slot
}

// isEmpty reports whether there is nothing to see.
func (l listing) isEmpty() bool { return len(l.tokens)+len(l.cards) == 0 }

// failure returns why the one device that the address names could not be read to
// its end. What there was to see has been printed. Of several a trouble with one is in
// the listing, and no failure of what was asked.
func (l listing) failure() error {
	switch {
	case len(l.tokens)+len(l.cards) != 1:
		return nil
	case len(l.cards) == 1:
		return l.cards[0].Err
	}
	return l.tokens[0].Err
}

// printListing prints what was found, also where something else failed: of two
// devices one may be away, and the other is still worth seeing.
func printListing(found listing, asJSON bool) error {
	if asJSON {
		return printJSON(listJSON(found))
	}
	return printResult(printable(listText(found)))
}

// list lists what fits the profile's addresses. Beside the error is what the other
// addresses gave.
func (d *device) list(ctx context.Context) (found listing, err error) {
	if _, err := d.address(); err != nil {
		return found, err
	}
	cert, err := d.certificate()
	if err != nil {
		return found, err
	}
	var failures []error
	for _, address := range d.profile.Keys {
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

// listTokens lists the tokens that fit an address. A PIN is asked for where it names
// one token: private keys are hidden until then (PKCS#11 section 4.4, CKA_PRIVATE).
func (d *device) listTokens(ctx context.Context, address uri.URI, cert *x509.Certificate) ([]hsm.Token, error) {
	options := d.tokenOptions(address)
	options.Certificate = cert
	if d.profile.PIN.Kind == config.PINNone { // asked for by name, so it is no error that keys stay hidden
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
func (d *device) listCards(ctx context.Context, address pivuri.URI, cert *x509.Certificate) ([]listedCard, error) {
	options := d.cardOptions(address)
	options.Certificate = cert
	cards, err := piv.List(ctx, address, options)
	var listed []listedCard
	for _, card := range cards {
		listed = append(listed, listedCard{card, address.Slot})
	}
	return listed, err
}

// judgeListed looks at the login to a token. Where nobody is there to be asked for
// a PIN, and none was set, what can be seen without one is no failure: it is what a
// first look around is for. A PIN source that was set and gave none is one.
func (d *device) judgeListed(token *hsm.Token) {
	if errors.Is(token.Err, console.ErrNoTerminal) && d.profile.PIN.Kind == "" {
		d.say.Note("no terminal to ask for a PIN on: the private keys of token %q stay hidden (--pin says where the PIN is)", token.Label)
		token.Err = nil
	}
}
