package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const importHelp = `import puts a key that you have in a file into the device, with its certificate and
the CA's, so that nothing but the device has to be guarded from then on:

  anaplan-agent import login.p12 --key 'pkcs11:token=prod;object=login?module-name=softhsm2'
  anaplan-agent import login.pem --key 'piv:serial=12345678;slot=9c' --chain-out chain.pem

FILE is a PKCS#12 (.p12, .pfx) or has PEM blocks: a key (PKCS#1 or PKCS#8, encrypted or
not) and its certificate. In the device the key is sensitive and cannot be taken out again,
and it proves itself by a signature. Anaplan knows the certificate already, so there is nothing to register.

The file is still a copy of the key. A key that was made in the device by 'enroll' never had
one, and is worth the change when the certificate is renewed.`

// newImportCommand returns the import command.
func newImportCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "put a key that is in a file into the device",
		Long:  importHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return explain.Usagef(cmd.CommandPath(), "it takes one file, a PKCS#12 or PEM with the key, and got %d", len(args))
			}
			return nil
		},
	}
	s := settings.Add(cmd, []string{"key", "pin", "pin_pad", "timeout", "touch_command"})
	var order enroll.ImportOrder
	flags := cmd.Flags()
	flags.StringVar(&order.Password, "password", "", "where the file's password comes from: prompt, env:NAME or file:PATH; never the password itself (default prompt, if there is one)")
	flags.StringVar(&order.Entry, "entry", "", "which key, of a file with several: the name that the file gives it, or the e-mail address in its certificate")
	flags.StringVar(&order.Certificate, "certificate", "", "file with the key's certificate, if the key's own has none")
	flags.StringVar(&order.ChainOut, "chain-out", "", "write the CA's certificates to this new file, too (a card has no place for them)")
	order.Card.AddWriteFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := order.Check(cmd); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
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
