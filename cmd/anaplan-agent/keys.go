package main

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
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(listJSON(tokens))
		} else {
			err = printResult(printable(listText(tokens)))
		}
		return errors.Join(err, failure(tokens))
	})
	return cmd
}

// failure returns why the one token that the address names could not be read to
// its end. What there was to see has been printed.
func failure(tokens []hsm.Token) error {
	if len(tokens) != 1 {
		return nil
	}
	return tokens[0].Err
}

// list lists what fits the profile's addresses.
func (d *device) list(ctx context.Context) ([]hsm.Token, error) {
	if _, err := d.address(); err != nil {
		return nil, err
	}
	options, err := d.options()
	if err != nil {
		return nil, err
	}
	if d.profile.PIN.Kind == config.PINNone {
		options.PIN = nil
	}
	var tokens []hsm.Token
	for _, address := range d.profile.Keys {
		found, err := hsm.List(ctx, address, options)
		if err != nil {
			return nil, err
		}
		for i := range found {
			d.settleList(&found[i])
		}
		tokens = append(tokens, found...)
	}
	return tokens, nil
}

// settleList looks at the login to a token. Where nobody is there to be asked for
// a PIN, and none was set, what can be seen without one is no failure.
func (d *device) settleList(token *hsm.Token) {
	d.pin.settle(token.Err)
	if errors.Is(token.Err, errNoTerminal) && d.profile.PIN.Kind == "" {
		d.say.note("no terminal to ask for a PIN on: the private keys of token %q stay hidden (--pin says where the PIN is)", token.Label)
		token.Err = nil
	}
}
