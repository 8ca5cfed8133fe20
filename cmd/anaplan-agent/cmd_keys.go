package main

// The listing of a device: what is asked of it. How it is shown is in listing.go and
// listingjson.go.

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
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
func newKeysCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "list the keys and certificates of a device",
		Long:  keysHelp,
		Args:  settings.NoArguments,
	}
	s := settings.Add(cmd, settings.DeviceFlags)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = device.RunE(s, say, func(run *device.Run) error {
		found, err := run.Device.List(run.Ctx)
		if found.IsEmpty() && err != nil {
			return err
		}
		return errors.Join(device.PrintListing(found, *asJSON), err, found.Failure())
	})
	return cmd
}
