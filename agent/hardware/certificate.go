package hardware

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// CheckTime returns why a certificate does not serve at a time, wrapping ErrCertificateExpired or
// ErrCertificateNotYetValid; nil if it does.
func CheckTime(certificate *x509.Certificate, now time.Time) error {
	switch {
	case certificate.NotAfter.Before(certificate.NotBefore):
		return fmt.Errorf("%w: %s ends %s, before it begins", ErrCertificateExpired, certread.Name(certificate.Subject), Day(certificate.NotAfter))
	case now.After(certificate.NotAfter):
		return fmt.Errorf("%w: %s ended %s", ErrCertificateExpired, certread.Name(certificate.Subject), Day(certificate.NotAfter))
	case now.Before(certificate.NotBefore):
		return fmt.Errorf("%w: %s begins %s", ErrCertificateNotYetValid, certread.Name(certificate.Subject), certificate.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// OtherKind returns why a certificate serves no key that can log in, wrapping ErrNoCertificate: the key
// in it is not RSA. nil: it is.
func OtherKind(certificate *x509.Certificate) error {
	if _, isRSA := certificate.PublicKey.(*rsa.PublicKey); isRSA {
		return nil
	}
	needs := "one for an RSA key"
	if certread.IsOtherRSA(certificate) {
		needs = "one for a plain RSA key (rsaEncryption), which the CA can issue for the same key"
	}
	return fmt.Errorf("%w: that of %s is for %s, and a login by SHA512withRSA needs %s",
		ErrNoCertificate, certread.Name(certificate.Subject), certread.KeyName(certificate), needs)
}

// Describe says which certificate it is, to people who know theirs and not their key.
func Describe(certificate *x509.Certificate) string {
	return fmt.Sprintf("certificate of %s until %s", certread.Name(certificate.Subject), Day(certificate.NotAfter))
}

// Day is precise enough for people, and the same in every time zone.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// attestationExtensions begin the extensions of a certificate by which Yubico's devices attest that
// they have made a key (developers.yubico.com, "PIV attestation").
var attestationExtensions = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3}

// attestationIssuer is the name under which Yubico's devices sign them.
const attestationIssuer = "Yubico PIV Attestation"

// NoLogin says why a certificate can be no login's, whatever its key; "" if it may be. One that attests
// where its key was made is valid until 2052, and no CA's for logins.
func NoLogin(certificate *x509.Certificate) string {
	if certificate.Issuer.CommonName == attestationIssuer || slices.ContainsFunc(certificate.Extensions, isOfAttestation) {
		return "it attests that its key was made on the device, and is not for logins"
	}
	return ""
}

// NotForLogins is the error that there is a certificate and that it is not for logins, wrapping
// ErrNoCertificate.
func NotForLogins(certificate *x509.Certificate, why string) error {
	return fmt.Errorf("%w for logins: there is %s: %s", ErrNoCertificate, Describe(certificate), why)
}

func isOfAttestation(e pkix.Extension) bool {
	n := len(attestationExtensions)
	return len(e.Id) > n && e.Id[:n].Equal(attestationExtensions)
}
