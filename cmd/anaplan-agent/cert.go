package main

// The certificate of a key, as Anaplan wants it: one PEM block with the key's own
// certificate and nothing around it (contract section 5.2). A bundle with the CA's
// in front is the most frequent cause of a failed upload.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

const certHelp = `cert prints the key's certificate as one PEM block: the file that a tenant
administrator uploads in Anaplan under Administration > Security > Certificates.

With --explain it says what is in the certificate as Anaplan will see it, what will be
refused, and why: of the one that a login would use, or of those in a FILE, which takes
no device. It exits with 1 if Anaplan will refuse it.

With --header it prints the value of the Authorization header that goes with a
payload of sign.`

// certOrder is what the flags of cert say.
type certOrder struct {
	header, explain, asJSON bool
	file                    string // "": the device's
}

// newCertCommand returns the cert command. It takes no PIN where it can do without:
// the certificate is no secret, and who uploads it need not be who runs the jobs.
func newCertCommand(say *messenger) *cobra.Command {
	var order certOrder
	cmd := &cobra.Command{
		Use:   "cert [--explain [FILE]]",
		Short: "print the certificate to upload to Anaplan, or explain it",
		Long:  certHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := order.take(args); err != nil {
				return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
			}
			return nil
		},
	}
	settings := addSettings(cmd, deviceSettings, []string{"header_form"})
	flags := cmd.Flags()
	flags.BoolVar(&order.header, "header", false, "print the Authorization header's value instead")
	flags.BoolVar(&order.explain, "explain", false, "say what is in it and what Anaplan will refuse")
	flags.BoolVar(&order.asJSON, "json", false, "with --explain: print what was found as JSON")
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		if order.explain {
			return run.explain(order)
		}
		cert, err := run.certificate()
		if err != nil {
			return err
		}
		if order.header {
			return printResult(anaplan.Authorization(cert, anaplan.HeaderForm(run.profile.HeaderForm)) + "\n")
		}
		return printResult(encodePEM("CERTIFICATE", cert.Raw))
	})
	return cmd
}

// take checks the call and takes the file.
func (o *certOrder) take(args []string) error {
	switch {
	case len(args) > 1 || len(args) == 1 && !o.explain:
		return fmt.Errorf("cert takes no arguments but --explain FILE, and got %q", args)
	case o.explain && o.header:
		return errors.New("--explain and --header print different things; choose one")
	case o.asJSON && !o.explain:
		return errors.New("--json is for --explain; the certificate itself is PEM")
	case len(args) == 1 && args[0] == "":
		return errors.New("the FILE to explain is empty")
	case len(args) == 1:
		o.file = args[0]
	}
	return nil
}

// certificate returns the certificate that a login would use: from its file, else
// from what the device shows without a PIN, else from the key itself.
func (r *deviceRun) certificate() (*x509.Certificate, error) {
	// A file was named, so it is meant: what the device holds is not looked at.
	if path := r.profile.Certificate; path != "" {
		cert, err := readCertificate(path)
		if err == nil {
			r.device.doubt(cert)
		}
		return cert, err
	}
	if cert := r.publicCertificate(); cert != nil {
		r.device.doubt(cert)
		return cert, nil
	}
	// Opening the key pairs it with its certificate, and says what is in the way.
	key, err := r.device.open(r.ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	return key.Certificate(), nil
}

// publicCertificate returns the certificate of the only key that fits the address
// and can log in, as far as the device tells without a PIN; nil if it does not, and
// whatever went wrong: opening the key afterwards meets the same trouble and words
// it. It spares the PIN for what is public anyway (PKCS#11 section 4.6, certificate
// objects are public as a rule; on a card they always are).
func (r *deviceRun) publicCertificate() *x509.Certificate {
	address, err := r.device.address()
	if err != nil {
		return nil
	}
	if card, ok := address.(pivuri.URI); ok {
		return r.cardCertificate(card)
	}
	tokens, err := hsm.List(r.ctx, address.(uri.URI), r.device.publicOptions())
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 || tokens[0].Keys[0].Problem != nil {
		return nil
	}
	return tokens[0].Keys[0].Certificate
}

// cardCertificate is publicCertificate for a card. Like piv.Open it passes over keys
// without a certificate and those that cannot log in with any.
func (r *deviceRun) cardCertificate(address pivuri.URI) *x509.Certificate {
	cards, err := piv.List(r.ctx, address, r.device.cardOptions(address))
	if err != nil || len(cards) != 1 || cards[0].Err != nil {
		return nil
	}
	keys := slices.DeleteFunc(cards[0].Keys, func(key piv.KeyInfo) bool {
		return key.Certificate == nil || errors.Is(key.Problem, piv.ErrUnusableKey)
	})
	if len(keys) != 1 || keys[0].Problem != nil {
		return nil
	}
	return keys[0].Certificate
}
