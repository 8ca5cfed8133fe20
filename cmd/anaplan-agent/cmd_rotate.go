package main

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/rotate"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const rotateHelp = `Give a profile of the configuration file a new key and certificate, without an outage:

  anaplan-agent rotate start --output new.csr    make a second key beside the first, and its request
  anaplan-agent rotate finish --certificate new.pem --upload-out upload.pem
                                                 store the CA's answer
  anaplan-agent rotate finish                    once upload.pem is registered in Anaplan: log in
                                                 with the new key, put it into the configuration,
                                                 and have the agent use it
  anaplan-agent rotate retire                    delete the old key and its certificate

  anaplan-agent rotate                           show how far it is
  anaplan-agent rotate back                      after finish: use the old key again
  anaplan-agent rotate cancel                    before finish: delete the new key

A running agent keeps its token throughout: no caller notices.`

// newRotateCommand returns the rotate command, which says by itself how far a rotation is.
func newRotateCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "replace a profile's key and certificate without an outage",
		Long:  rotateHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
	}
	s := settings.Add(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print how far it is as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return help.UnknownCommand(cmd, args[0])
		}
		if _, err := s.Load(); err != nil {
			return err
		}
		known, err := rotate.StateOf(s)
		if err != nil {
			return err
		}
		if *asJSON {
			return console.PrintJSON(known.Progress())
		}
		return console.PrintResult(console.Printable(known.Text()) + "\n")
	}
	cmd.AddCommand(newRotateStartCommand(say), newRotateFinishCommand(say), newRotateBackCommand(say), newRotateRetireCommand(say), newRotateCancelCommand(say))
	return cmd
}

// newRotateStartCommand returns the start command of rotate.
func newRotateStartCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "start", Short: "make a second key and its request (CSR)", Example: "anaplan-agent rotate start --output new.csr", Args: settings.NoArguments,
		Long: "Make a second key beside the profile's, and print its request (CSR) for the CA. The first\nkey stays in use. A second call prints the request again.\nWhere a module makes no keys, have the device's own tool make one, and name it by --new-key."}
	s := settings.Add(cmd, []string{"pin", "pin_pad", "timeout", "touch_command"})
	var order rotate.Order
	flags := cmd.Flags()
	flags.StringVar(&order.Output, "output", "", "new file for the CSR (default: standard output)")
	flags.StringVar(&order.Object, "object", "", "name of the new key in the token (default: the old one's with a number)")
	flags.StringVar(&order.Slot, "slot", "", "YubiKey: slot of the new key (default: the first of 82 to 95 that is free)")
	flags.StringVar(&order.NewKey, "new-key", "", "address of a key that the device's own tool has made, to be taken in place of making one")
	flags.StringVar(&order.PublicKey, "public-key", "", "with --new-key: file with its public key (PEM), where the device does not tell it")
	flags.IntVar(&order.Bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default: as long as the present one)")
	flags.StringVar(&order.Email, "email", "", "e-mail address of the Anaplan user (default: that in the present certificate)")
	flags.StringVar(&order.Subject, "subject", "", "subject of the CSR, as 'CN=Nightly load,O=Example AG,C=CH' (default: the e-mail address)")
	order.Card.AddFlags(cmd)
	return rotate.WithWork(cmd, s, say, func(s *rotate.Session) error { return s.Start(order, cmd.CommandPath()) })
}

// newRotateFinishCommand returns the finish command of rotate.
func newRotateFinishCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "finish", Short: "store the new certificate, try it, and switch to it", Example: "anaplan-agent rotate finish --certificate answer.p7b --upload-out upload.pem", Args: settings.NoArguments,
		Long: "Store the CA's answer, if --certificate is given, and log in with the new key. If Anaplan\naccepts it, put the new key into the configuration, and have a running agent log in with it; if the\nagent cannot, everything is restored. If Anaplan does not know the certificate yet, nothing\nchanges: call it again once the certificate is registered."}
	s := settings.Add(cmd, []string{"pin", "pin_pad", "touch_command", "format"}, settings.ServerFlags)
	var order rotate.Order
	flags := cmd.Flags()
	flags.StringVar(&order.Answer, "certificate", "", "the CA's answer: PEM, DER or PKCS#7, alone or with the CA's own certificates")
	flags.StringVar(&order.UploadOut, "upload-out", "", "with --certificate: new file with the one PEM block to upload to Anaplan")
	flags.StringVar(&order.ChainOut, "chain-out", "", "with --certificate: new file for the CA's own certificates, for which cards have no place")
	enroll.AddInFile(cmd, &order.InFile)
	flags.BoolVar(&order.NewUser, "new-user", false, "accept a new certificate for another user")
	rotate.AddManagementKeyFlag(cmd, &order.Card.ManagementKey)
	return rotate.WithWork(cmd, s, say, func(s *rotate.Session) error { return s.Finish(order, cmd.CommandPath()) })
}

// newRotateBackCommand returns the back command of rotate.
func newRotateBackCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "back", Short: "switch back to the old key", Example: "anaplan-agent rotate back", Args: settings.NoArguments,
		Long: "Log in with the old key, and put it into the configuration again if that works."}
	s := settings.Add(cmd, []string{"pin", "pin_pad", "touch_command", "format"}, settings.ServerFlags)
	return rotate.WithWork(cmd, s, say, func(s *rotate.Session) error { return s.Back() })
}

// newRotateRetireCommand returns the retire command of rotate.
func newRotateRetireCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "retire", Short: "delete the old key and its certificate", Example: "anaplan-agent rotate retire", Args: settings.NoArguments,
		Long: "Delete the old key and its certificate from the device for good, once the new one is in use.\nIt logs in with the new key first. It refuses if a profile still has the old one, or if a\nrunning agent cannot log in with the new one."}
	s := settings.Add(cmd, []string{"pin", "pin_pad", "touch_command", "format"}, settings.ServerFlags)
	return rotate.WithDeletion(cmd, s, say, (*rotate.Session).Retire)
}

// newRotateCancelCommand returns the cancel command of rotate.
func newRotateCancelCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "cancel", Short: "give up the rotation and delete the new key", Example: "anaplan-agent rotate cancel", Args: settings.NoArguments,
		Long: "Give up a rotation that has not switched to the new key, and delete that key."}
	s := settings.Add(cmd, []string{"pin", "pin_pad", "timeout", "touch_command"})
	return rotate.WithDeletion(cmd, s, say, (*rotate.Session).Cancel)
}
