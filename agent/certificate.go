package agent

import (
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// oidEmailAddress is the subject attribute emailAddress (PKCS#9, RFC 2985
// section 5.2.1).
var oidEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// Email returns the e-mail address by which Anaplan maps the certificate to a
// user: the first rfc822Name of the subject alternative name that is not empty, else the subject's
// emailAddress; "" if there is neither (contract section 5.1).
func Email(cert *x509.Certificate) string {
	if email := cmp.Or(cert.EmailAddresses...); email != "" {
		return email
	}
	for _, name := range cert.Subject.Names {
		if email, ok := name.Value.(string); ok && name.Type.Equal(oidEmailAddress) {
			return email
		}
	}
	return ""
}

// Doubt is what Anaplan may have against a certificate.
type Doubt struct {
	// Check names what is wrong, as certlint does: "certificate.email".
	Check string

	// What is a sentence about the certificate, as "its key usage lacks digitalSignature".
	What string

	// Likely: Anaplan will probably refuse the certificate for it. Of the others that is not known.
	Likely bool
}

// String returns the doubt in a sentence that says how bad it is.
func (d Doubt) String() string {
	if d.Likely {
		return "Anaplan will probably refuse the certificate: " + d.What
	}
	return "Anaplan may have something against the certificate: " + d.What
}

// Doubts returns what Anaplan may have against the certificate, a sentence each; none if it looks
// right. They are warnings, for Anaplan is the judge (contract section 5.1).
func Doubts(cert *x509.Certificate) []string {
	var sentences []string
	for _, doubt := range Examine(cert) {
		sentences = append(sentences, doubt.What)
	}
	return sentences
}

// Examine returns the doubts with the names of their checks, at most one for each. They are all
// that a certificate shows by itself, whatever the day and its key.
func Examine(cert *x509.Certificate) []Doubt {
	var doubts []Doubt
	doubt := func(likely bool, check, format string, args ...any) {
		doubts = append(doubts, Doubt{"certificate." + check, fmt.Sprintf(format, args...), likely})
	}

	if cert.IsCA { // the wrong one: what else it has or lacks does not matter
		doubt(true, "ca", "it is a CA's certificate; give the key's")
		return doubts
	}
	switch email := Email(cert); {
	case email == "":
		doubt(true, "email", "it has no e-mail address in the subject alternative name or the subject, by which Anaplan finds the user")
	default:
		if wrong := notPlain(email); wrong != "" {
			doubt(false, "email", "its e-mail address, %q, %s", email, wrong)
		} else if slices.Contains(cert.EmailAddresses, "") {
			doubt(false, "email", "it has an empty e-mail address beside %s, and whether Anaplan passes over that is not known", email)
		}
	}
	if isSelfSigned(cert) {
		doubt(true, "selfsigned", "it is self-signed; Anaplan wants a certificate from a CA on its list")
	}
	if cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		doubt(true, "keyusage", "its key usage lacks digitalSignature")
	}
	switch {
	case isForClients(cert):
	case slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth):
		doubt(true, "eku", "it is for servers only (extended key usage serverAuth); Anaplan wants clientAuth or emailProtection")
	default:
		doubt(false, "eku", "its extended key usage is for other things; Anaplan wants clientAuth or emailProtection")
	}
	if len(cert.CRLDistributionPoints) == 0 && len(cert.OCSPServer) == 0 {
		doubt(false, "revocation", "it names no CRL and no OCSP server, so Anaplan cannot see whether it has been revoked")
	}
	if isWeaklySigned(cert.SignatureAlgorithm) {
		doubt(false, "signature", "its CA signed it with %v, which is no longer trusted", cert.SignatureAlgorithm)
	}
	if broken := brokenRules(cert); len(broken) > 0 {
		doubt(false, "rules", "it breaks the rules of X.509: %s", strings.Join(broken, "; "))
	}
	return doubts
}

// notPlain returns what is wrong with an address, which a user of Anaplan has without anything
// around it; "" if it looks like one.
func notPlain(email string) string {
	const unfound = ", so Anaplan may find no user by it"
	parsed, err := mail.ParseAddress(email)
	switch {
	case err == nil && parsed.Address == email:
		return ""
	case err == nil && strings.TrimSpace(email) == parsed.Address:
		return "has blanks around it" + unfound
	case err == nil:
		return "has more in it than the address itself" + unfound
	case strings.ContainsFunc(email, unicode.IsSpace):
		return "has blanks in it" + unfound
	}
	return "does not look like one"
}

// brokenRules returns how a certificate is not written by the rules, a clause each. A program that
// does not know a critical extension must refuse the certificate (RFC 5280 section 4.2).
func brokenRules(cert *x509.Certificate) []string {
	broken := certread.Faults(cert)
	for _, oid := range cert.UnhandledCriticalExtensions {
		if len(oid) > 3 {
			broken = append(broken, fmt.Sprintf("its extension %s is critical, and little known: programs that do not know it must refuse the certificate", certread.ExtensionName(oid)))
		}
	}
	return broken
}

// isSelfSigned compares names first: a certificate that claims to be its own issuer is useless,
// whatever signed it.
func isSelfSigned(cert *x509.Certificate) bool {
	return string(cert.RawIssuer) == string(cert.RawSubject)
}

// isForClients reports whether the extended key usage fits. None is for everything (RFC 5280
// section 4.2.1.12).
func isForClients(cert *x509.Certificate) bool {
	fits := func(usage x509.ExtKeyUsage) bool {
		return usage == x509.ExtKeyUsageClientAuth || usage == x509.ExtKeyUsageEmailProtection || usage == x509.ExtKeyUsageAny
	}
	return len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 || slices.ContainsFunc(cert.ExtKeyUsage, fits)
}

func isWeaklySigned(algorithm x509.SignatureAlgorithm) bool {
	name := algorithm.String()
	return strings.Contains(name, "SHA1") || strings.Contains(name, "MD5")
}
