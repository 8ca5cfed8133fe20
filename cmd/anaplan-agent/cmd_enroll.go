package main

import (
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/guide"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/spf13/cobra"
)

const enrollHelp = `Make a key inside the device, get it a certificate, and make the first login. On a
terminal, without flags, enroll asks for everything it needs, says what comes next, and
continues there when you call it again days later:

  anaplan-agent enroll

With flags it takes four calls. First a key and a certificate signing request (CSR):

  anaplan-agent enroll --key 'pkcs11:token=demo;object=login?module-name=softhsm2' \
      --email me@example.com --output login.csr
  anaplan-agent enroll --key 'piv:serial=12345678;slot=9c' \
      --email me@example.com --output login.csr --attestation proof.pem

Send the CSR to your certificate authority (CA) and ask for an S/MIME ("personal",
"client") certificate. Store the answer, in whatever form it comes:

  anaplan-agent enroll --key ... --certificate answer.p7b --upload-out upload.pem

Have a tenant administrator register upload.pem in Anaplan, then log in:

  anaplan-agent enroll --key ... --check

--resume continues the enrolment that is under way; of several, --key chooses. The key cannot be
taken out of the device again.

Writing to a YubiKey needs its management key. The factory's, and one that the YubiKey
keeps under its PIN, are found; another is asked for on the terminal, or read from where
--management-key says. --attestation has the YubiKey certify that the key was made on it,
for CAs that require proof.`

// newEnrollCommand returns the enroll command. Its --certificate is a file to store
// and not the setting of that name, which would be the certificate to log in with.
func newEnrollCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "set up a key and its certificate, step by step: make a key and a CSR, store the answer, log in",
		Long:  enrollHelp,
		Args:  settings.NoArguments,
	}
	s := settings.Add(cmd, []string{"key", "pin", "pin_pad", "touch_command", "format"}, settings.ServerFlags)
	var e enroll.Enrolment
	e.AddFlags(cmd)
	byFlags := device.RunE(s, say, func(run *device.Run) error { return enroll.Run(run, e, cmd.CommandPath()) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, flag := range []string{"output", "certificate", "chain-out", "upload-out", "attestation", "management-key", "public-key"} {
			if err := settings.NotEmpty(cmd, flag); err != nil {
				return err
			}
		}
		guided := e.IsOpen() && !e.JSON && device.HasTerminal()
		if err := e.Check(guided); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		// The profile may be named before it has been written.
		e.TypedKey = s.IsOverridden("key")
		e.Next = nextFlags(cmd, slices.Concat(enroll.RememberedFlags, enroll.StepFlags))
		e.More = settings.FlagsBut(cmd, enroll.RememberedFlags)
		s.MayBeNew = guided || e.Resume || e.TypedKey
		if guided {
			return guide.Run(cmd.Context(), s, e, say)
		}
		return byFlags(cmd, args)
	}
	cmd.AddCommand(newLookCommand(say))
	return cmd
}

// nextFlags returns the flags that were given, but those of the command itself.
func nextFlags(cmd *cobra.Command, own []string) enroll.Next {
	device := slices.Concat(own, settings.ServerFlags, []string{"format"})
	for i, name := range device {
		device[i] = strings.ReplaceAll(name, "_", "-")
	}
	return enroll.Next{Login: settings.FlagsBut(cmd, own), Look: settings.FlagsBut(cmd, device), Config: settings.ConfigFlag(cmd)}
}

// newLookCommand returns the hidden command.
func newLookCommand(say *console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:    guide.LookName,
		Short:  "list devices for enroll, which starts this by itself",
		Hidden: true,
		Args:   settings.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			device.WatchModulesOfSigner()
			return subprocess.ServeChild(func(order guide.LookOrder, tell func(any) error) error {
				return guide.Look(cmd.Context(), order, say, tell)
			})
		},
	}
}
