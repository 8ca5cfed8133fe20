package main

// The certificate of a key, as Anaplan wants it: one PEM block with the key's own certificate and
// nothing around it (contract section 5.2). A bundle with the CA's certificate first is the most
// frequent cause of a failed upload.

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const certHelp = `Print the key's certificate as one PEM block: the file that a tenant administrator
uploads in Anaplan under Administration > Security > Certificates.

With --output FILE, write it into a file: what > makes in Windows PowerShell is UTF-16, which
Anaplan does not take.

With --explain, show what is in the certificate as Anaplan will see it, what Anaplan will
refuse, and why. It explains the certificate that a login would use, or those in FILE,
which needs no device. Exits 1 if Anaplan will refuse it.

With --header, print the value of the Authorization header that belongs to the output of
'sign'.`

// certOrder is what the flags of cert say.
type certOrder struct {
	header, explain, asJSON bool
	file                    string  // "": the device's
	output                  *string // a file; "": standard output
}

// newCertCommand returns the cert command. It takes no PIN where it can do without: the certificate
// is not a secret, and the person who uploads it need not run the jobs.
func newCertCommand(say *console.Messenger) *cobra.Command {
	var order certOrder
	cmd := &cobra.Command{
		Use:     "cert [--explain [FILE]]",
		Short:   "print the certificate to upload to Anaplan, or explain it",
		Example: "anaplan-agent cert --key piv: --output upload.pem\nanaplan-agent cert --explain answer.p7b",
		Long:    certHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := order.take(args); err != nil {
				return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
			}
			return nil
		},
	}
	s := settings.Add(cmd, settings.DeviceFlags, []string{"header_form"})
	flags := cmd.Flags()
	flags.BoolVar(&order.header, "header", false, "print the Authorization header's value instead")
	flags.BoolVar(&order.explain, "explain", false, "show what is in it and what Anaplan will refuse")
	flags.BoolVar(&order.asJSON, "json", false, "with --explain: print the findings as JSON")
	order.output = device.AddOutput(cmd, "the certificate")
	cmd.RunE = device.RunTo(s, say, order.output, func(run *device.Run) error {
		if order.explain {
			return explainCertificate(run, order)
		}
		cert, err := run.Certificate()
		if err != nil {
			return err
		}
		result := device.EncodePEM("CERTIFICATE", cert.Raw)
		if order.header {
			result = anaplan.Authorization(cert, anaplan.HeaderForm(run.Profile.HeaderForm)) + "\n"
		}
		return console.Deliver(run.Ctx, *order.output, result, atomicfile.Options{Mode: 0o644})
	})
	return cmd
}

// take checks the call and takes the file.
func (o *certOrder) take(args []string) error {
	switch {
	case len(args) > 1 || len(args) == 1 && !o.explain:
		return fmt.Errorf("cert takes no arguments except --explain FILE, but got %q", args)
	case o.explain && o.header:
		return errors.New("--explain and --header print different things; choose one")
	case o.explain && *o.output != "":
		return errors.New("--output is for the certificate itself; leave out --explain")
	case o.asJSON && !o.explain:
		return errors.New("--json is for --explain; the certificate itself is PEM")
	case len(args) == 1 && args[0] == "":
		return errors.New("the FILE to explain is empty")
	case len(args) == 1:
		o.file = args[0]
	}
	return nil
}
