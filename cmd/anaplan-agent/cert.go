package main

// The certificate of a key, as Anaplan wants it: one PEM block with the key's own
// certificate and nothing around it (contract section 5.2). A bundle with the CA's
// in front is the most frequent cause of a failed upload.

import (
	"crypto/x509"
	"errors"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

const certHelp = `cert prints the key's certificate as one PEM block: the file that a tenant
administrator uploads in Anaplan under Administration > Security > Certificates.

With --header it prints the value of the Authorization header that goes with a
payload of sign.`

// newCertCommand returns the cert command. It takes no PIN where it can do without:
// the certificate is no secret, and who uploads it need not be who runs the jobs.
func newCertCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cert",
		Short: "print the certificate to upload to Anaplan",
		Long:  certHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, deviceSettings, []string{"header_form"})
	header := cmd.Flags().Bool("header", false, "print the Authorization header's value instead")
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		cert, err := run.certificate()
		if err != nil {
			return err
		}
		if *header {
			return printResult(anaplan.Authorization(cert, anaplan.HeaderForm(run.profile.HeaderForm)) + "\n")
		}
		return printResult(encodePEM("CERTIFICATE", cert.Raw))
	})
	return cmd
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
	tokens, err := hsm.List(r.ctx, address.(uri.URI), hsm.Options{})
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
