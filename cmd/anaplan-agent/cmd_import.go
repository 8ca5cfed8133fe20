package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const importHelp = `Put a key from a file into the device, with its certificate and the CA's, so that only the
device has to be guarded from then on:

  anaplan-agent import login.p12 --key 'pkcs11:token=prod;object=login?module-name=softhsm2'
  anaplan-agent import login.pem --key 'piv:serial=12345678;slot=9c' --chain-out chain.pem

FILE is a PKCS#12 file (.p12, .pfx), or has PEM blocks: a key (PKCS#1 or PKCS#8, encrypted
or not) and its certificate. In the device the key is sensitive and cannot be taken out
again; a signature proves that it works. Anaplan knows the certificate already, so there
is nothing to register.

The file remains a copy of the key. A key made in the device by 'enroll' never had a copy;
consider one when you renew the certificate.`

// newImportCommand returns the import command.
func newImportCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "put a key from a file into the device",
		Long:  importHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return explain.Usagef(cmd.CommandPath(), "import takes one file, PKCS#12 or PEM, with the key, but got %d", len(args))
			}
			return nil
		},
	}
	s := settings.Add(cmd, []string{"key", "pin", "pin_pad", "timeout", "touch_command"})
	var order enroll.ImportOrder
	flags := cmd.Flags()
	flags.StringVar(&order.Password, "password", "", "where the file's password comes from: prompt, env:NAME or file:PATH; never the password itself (default: prompt, if the file has a password)")
	flags.StringVar(&order.Entry, "entry", "", "which of several keys: its name in the file, or the e-mail address in its certificate")
	flags.StringVar(&order.Certificate, "certificate", "", "file with the key's certificate, if FILE has none")
	flags.StringVar(&order.ChainOut, "chain-out", "", "also write the CA's certificates to this new file (a card has no place for them)")
	enroll.AddInFile(cmd, &order.InFile)
	order.Card.AddWriteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := order.Check(cmd); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		order.Next = nextFlags(cmd, []string{"key", "password", "entry", "certificate", "chain-out", "in-file", "pin-policy", "touch-policy", "management-key", "pin-changed"})
		device.WatchModules()
		run, err := device.StartRun(cmd.Context(), s, say)
		if err != nil {
			return err
		}
		defer run.End()
		return enroll.ImportFile(run, args[0], order)
	}
	return cmd
}
