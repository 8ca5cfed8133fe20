package main

// The listing of a device: what is asked of it. How it is shown is in listing.go and
// listingjson.go.

import (
	"context"
	"errors"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/spf13/cobra"
)

const keysHelp = `keys lists the tokens, keys and certificates that fit the address, which of the
keys can log in, and why the others cannot. The addresses that it prints are
ready to copy into --key.

  anaplan-agent keys --key 'pkcs11:?module-name=softhsm2'
  anaplan-agent keys --key 'pkcs11:token=demo?module-path=/usr/lib/libvendor.so'

Tokens hide their private keys until somebody logs in. keys logs in where the
address names one token; --pin none shows what is to be seen without a PIN.`

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
		tokens, err := run.device.list(run.ctx)
		if len(tokens) == 0 && err != nil {
			return err
		}
		return errors.Join(printListing(tokens, *asJSON), err, failure(tokens))
	})
	return cmd
}

// printListing prints what was found, also where something else failed: of two
// devices one may be away, and the other is still worth seeing.
func printListing(tokens []hsm.Token, asJSON bool) error {
	if asJSON {
		return printJSON(listJSON(tokens))
	}
	return printResult(printable(listText(tokens)))
}

// failure returns why the one token that the address names could not be read to
// its end. What there was to see has been printed. Of several tokens a trouble with
// one is in the listing, and no failure of what was asked.
func failure(tokens []hsm.Token) error {
	if len(tokens) != 1 {
		return nil
	}
	return tokens[0].Err
}

// list lists what fits the profile's addresses. A PIN is asked for where an address
// names one token: private keys are hidden until then (PKCS#11 section 4.4,
// CKA_PRIVATE). Beside the error is what the other addresses gave.
func (d *device) list(ctx context.Context) ([]hsm.Token, error) {
	if _, err := d.address(); err != nil {
		return nil, err
	}
	options, err := d.options()
	if err != nil {
		return nil, err
	}
	if d.profile.PIN.Kind == config.PINNone { // asked for by name, so it is no error that keys stay hidden
		options.PIN = nil
	}
	var tokens []hsm.Token
	var failures []error
	for _, address := range d.profile.Keys {
		found, err := hsm.List(ctx, address, options)
		failures = append(failures, err)
		if err != nil {
			d.pin.settle(err) // a login may have gone wrong before there was a list
		}
		for i := range found {
			d.settleList(&found[i])
		}
		tokens = append(tokens, found...)
	}
	return tokens, errors.Join(failures...)
}

// settleList looks at the login to a token. Where nobody is there to be asked for
// a PIN, and none was set, what can be seen without one is no failure: it is what a
// first look around is for. A PIN source that was set and gave none is one.
func (d *device) settleList(token *hsm.Token) {
	d.pin.settle(token.Err)
	if errors.Is(token.Err, errNoTerminal) && d.profile.PIN.Kind == "" {
		d.say.note("no terminal to ask for a PIN on: the private keys of token %q stay hidden (--pin says where the PIN is)", token.Label)
		token.Err = nil
	}
}
