package main

// The way of a key into a device: key and CSR first, the CA's certificate later. The
// private key is made inside and has no way out, so there is no import. What cards have
// of their own is in enrollcard.go.

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

const enrollHelp = `enroll makes a key inside the device and prints a certificate signing request
(CSR) for it:

  anaplan-agent enroll --key 'pkcs11:token=demo;object=login?module-name=softhsm2' \
      --email me@example.com > login.csr
  anaplan-agent enroll --key 'piv:serial=12345678;slot=9c' \
      --email me@example.com --attestation proof.pem > login.csr

Send the CSR to your certificate authority and ask for an S/MIME ("personal",
"client") certificate. Then store what comes back beside the key:

  anaplan-agent enroll --key ... --certificate signed.pem

The key cannot be taken out of the device again.

A YubiKey is written to with its management key. The one that it is sold with, and
one that it keeps under its PIN, are found; another is asked for on the terminal,
or comes from where --management-key says. --attestation has the YubiKey certify
that the key was made on it, for CAs that ask for that.`

// defaultBits is the shortest key that Anaplan takes (contract section 5.1), and
// the longest that every token makes.
const defaultBits = 2048

// enrolment is what the flags of enroll say.
type enrolment struct {
	email, name, certificate string
	bits                     int // 0: defaultBits
	reuseKey                 bool
	card                     cardEnrolment
}

// newEnrollCommand returns the enroll command. Its --certificate is a file to store
// and not the setting of that name, which would be the certificate to log in with.
func newEnrollCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "enroll",
		Short: "make a key and a CSR in the device, or store its certificate",
		Long:  enrollHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, []string{"key", "pin", "timeout", "touch_command"})
	var e enrolment
	flags := cmd.Flags()
	flags.StringVar(&e.email, "email", "", "e-mail address of the Anaplan user, by which Anaplan maps the certificate")
	flags.StringVar(&e.name, "name", "", "common name in the CSR (default: the e-mail address)")
	flags.IntVar(&e.bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default 2048)")
	flags.BoolVar(&e.reuseKey, "reuse-key", false, "make no key: a new CSR for the one that is there")
	flags.StringVar(&e.certificate, "certificate", "", "store this certificate (PEM or DER) beside the key instead")
	e.card.addFlags(cmd)
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		for _, flag := range []string{"attestation", "management-key"} {
			if err := notEmpty(cmd, flag); err != nil {
				return err
			}
		}
		if err := e.check(); err != nil {
			return &usageError{err, cmd.CommandPath()}
		}
		address, err := run.device.address()
		if err != nil {
			return err
		}
		if card, ok := address.(pivuri.URI); ok {
			return run.enrollCard(e, card)
		}
		if flag := e.card.given(); flag != "" {
			return &usageError{fmt.Errorf("%s is for keys on YubiKeys, and %s is none", flag, address), cmd.CommandPath()}
		}
		return run.enrollToken(e, address.(uri.URI))
	})
	return cmd
}

// check finds wrong calls before the device is touched: a key that was made by a
// call with a mistake in it stays on the token, and the corrected call finds that
// it exists.
func (e enrolment) check() error {
	switch {
	case e.certificate != "" && (e.email != "" || e.name != "" || e.bits != 0 || e.reuseKey):
		return errors.New("--certificate stores what the CA has sent; --email, --name, --bits and --reuse-key are for the request before it")
	case e.certificate != "":
		return e.card.check(e)
	case e.email == "":
		return errors.New("--email is missing: Anaplan finds the user by the e-mail address in the certificate")
	case !isEmail(e.email):
		return fmt.Errorf("--email %q is no e-mail address that a certificate can hold", e.email)
	case !utf8.ValidString(e.name) || strings.ContainsFunc(e.name, isUnprintable) || strings.Contains(e.name, "\n"):
		return fmt.Errorf("--name %q holds characters that do not print", e.name)
	case e.reuseKey && e.bits != 0:
		return errors.New("--bits is for a new key; --reuse-key makes none")
	case e.bits != 0 && !slices.Contains([]int{2048, 3072, 4096}, e.bits):
		return fmt.Errorf("--bits %d: it is 2048, 3072 or 4096", e.bits)
	}
	return e.card.check(e)
}

// isEmail reports whether text can be an rfc822Name, which has ASCII only (RFC 5280
// section 4.2.1.6). It is asked before a key is made, because a request that
// fails after that leaves a key behind. Whether the address exists, only Anaplan
// knows.
func isEmail(text string) bool {
	local, domain, _ := strings.Cut(text, "@")
	return local != "" && domain != "" && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' || r == '>' })
}

// enrollToken does what the flags say with a token.
func (r *deviceRun) enrollToken(e enrolment, address uri.URI) error {
	// Writing goes through a session of its own (package hsm), so the token asks for
	// the PIN twice, and a person should type it once.
	r.device.pin.keep = true
	defer r.device.pin.drop()
	options := hsm.Options{PIN: r.device.pin.forToken}
	if e.certificate != "" {
		return r.storeCertificate(e.certificate, address, func(cert *x509.Certificate) (bool, error) {
			return hsm.StoreCertificate(r.ctx, address, cert, options)
		})
	}
	if label, _ := address.Get("object"); label == "" && !e.reuseKey {
		return fmt.Errorf("%w: --key %s: the new key needs a name: add ;object=NAME to the address", errSettings, address)
	}
	if !e.reuseKey {
		bits := cmp.Or(e.bits, defaultBits)
		r.say.note("making an RSA key of %d bits in the token", bits)
		key, err := hsm.Generate(r.ctx, address, hsm.KeySpec{Bits: bits}, options)
		r.device.pin.settle(err)
		if err != nil {
			return err
		}
		// With the new key's id in it: the label alone may fit an older key too.
		address = key.Address
		r.say.note("made %s", address)
	}
	csr, err := hsm.CertificateRequest(r.ctx, address, options, e.template())
	if err := r.printRequest(csr, err); err != nil {
		return err
	}
	r.sayNext(address, "")
	return nil
}

// printRequest prints a CSR, which the key itself has signed with SHA-256, which no
// login is signed with: a CSR that somebody keeps is not a login (contract section
// 1.4). Where it failed the key is there all the same, and --reuse-key goes on from it;
// a note with its address has said so.
func (r *deviceRun) printRequest(csr []byte, err error) error {
	r.device.pin.settle(err)
	if err != nil {
		return err
	}
	return printResult(encodePEM("CERTIFICATE REQUEST", csr))
}

// sayNext says what comes after the CSR. flags are those that storing needs as well.
func (r *deviceRun) sayNext(address config.Address, flags string) {
	r.say.note("next: send the CSR to your CA, then: %s enroll --key %s%s --certificate FILE", program, shellQuote(address.String()), flags)
}

// template returns what the CSR asks for: what Anaplan wants to see in the
// certificate (contract section 5.1): the e-mail address in the subject alternative
// name and not in the common name, where Anaplan does not look.
func (e enrolment) template() *x509.CertificateRequest {
	return &x509.CertificateRequest{
		Subject:         pkix.Name{CommonName: cmp.Or(e.name, e.email)},
		EmailAddresses:  []string{e.email},
		ExtraExtensions: []pkix.Extension{keyUsage(), extendedKeyUsage()},
	}
}

// Object identifiers of RFC 5280 sections 4.2.1.3 and 4.2.1.12.
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidClientAuth       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidEmailProtection  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 4}
)

// keyUsage asks for digitalSignature, the first bit.
func keyUsage() pkix.Extension {
	value, _ := asn1.Marshal(asn1.BitString{Bytes: []byte{0x80}, BitLength: 1}) // constants always encode
	return pkix.Extension{Id: oidKeyUsage, Critical: true, Value: value}
}

// extendedKeyUsage asks for the two purposes that Anaplan names for such a
// certificate (contract section 5.1).
func extendedKeyUsage() pkix.Extension {
	value, _ := asn1.Marshal([]asn1.ObjectIdentifier{oidClientAuth, oidEmailProtection}) // constants always encode
	return pkix.Extension{Id: oidExtendedKeyUsage, Value: value}
}

// storeCertificate puts the CA's answer beside the key. store refuses one that is for
// another key (ErrCertificateMismatch), and finds out when it is there already, so
// that the call may be repeated.
func (r *deviceRun) storeCertificate(path string, address config.Address, store func(*x509.Certificate) (bool, error)) error {
	cert, err := readLeaf(path)
	if err != nil {
		return err
	}
	stored, err := store(cert)
	r.device.pin.settle(err)
	if err != nil {
		return err
	}
	if stored {
		r.say.note("stored certificate %s", describe(cert))
	} else {
		r.say.note("certificate %s is on the device already", describe(cert))
	}
	// Stored all the same: the CA's answer belongs to its key, and Anaplan may take it.
	r.device.doubt(cert)
	r.say.note("next: %s cert --key %s > upload.pem, and have a tenant administrator upload it: Administration > Security > Certificates", program, shellQuote(address.String()))
	return nil
}

// readLeaf reads the certificate of the key from what a CA sends: alone, or with
// the CA's own. Certificates that say they are a CA's (RFC 5280 section 4.2.1.9) are
// left out; their order tells nothing, as some send the root first.
func readLeaf(path string) (*x509.Certificate, error) {
	certs, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	if len(certs) == 1 {
		return certs[0], nil
	}
	leaves := slices.DeleteFunc(certs, func(cert *x509.Certificate) bool { return cert.IsCA })
	if len(leaves) != 1 {
		return nil, fmt.Errorf("%w: %s holds %d certificates that are no CA's; put the key's own into a file of its own", errCertificateFile, path, len(leaves))
	}
	return leaves[0], nil
}
