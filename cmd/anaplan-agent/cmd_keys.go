package main

// The listing of a device; package device says how it is shown.

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const keysHelp = `List the tokens, cards, keys and certificates that fit the address, which keys can log in,
and why the others cannot. Copy the printed addresses into --key.

  anaplan-agent keys --key piv:                                  YubiKeys
  anaplan-agent keys --key 'pkcs11:?module-name=softhsm2'
  anaplan-agent keys --key 'pkcs11:token=demo?module-path=/usr/lib/libvendor.so'

Tokens hide their private keys until a login. keys logs in to the token if the address
names only one; --pin none shows what is visible without a PIN. A YubiKey shows everything
without its PIN, so keys does not ask for it.`

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
