package main

// The certificate of a key, as Anaplan wants it: one PEM block with the key's own
// certificate and nothing around it (contract section 5.2). A bundle with the CA's
// in front is the most frequent cause of a failed upload.

import (
	"crypto/x509"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/hsm"
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
// from what the token shows without a PIN, else from the key itself.
func (r *deviceRun) certificate() (*x509.Certificate, error) {
	// A file was named, so it is meant: what the token holds is not looked at.
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
// and can log in, as far as the token tells without a PIN; nil if it does not, and
// whatever went wrong: opening the key afterwards meets the same trouble and words
// it. It spares the PIN for what is public anyway (PKCS#11 section 4.6, certificate
// objects are public as a rule).
func (r *deviceRun) publicCertificate() *x509.Certificate {
	address, err := r.device.address()
	if err != nil {
		return nil
	}
	tokens, err := hsm.List(r.ctx, address, hsm.Options{})
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 || tokens[0].Keys[0].Problem != nil {
		return nil
	}
	return tokens[0].Keys[0].Certificate
}
