package certlint

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

const (
	day  = 24 * time.Hour
	soon = 60 * day // is when to see to the next certificate: CAs can take weeks

	minBits = 2048 // contract section 5.1
)

// subject is what is checked.
type subject struct {
	cert   *x509.Certificate
	chain  []*x509.Certificate
	now    time.Time
	doubts map[string]agent.Doubt // agent.Examine's, by check
}

func newSubject(cert *x509.Certificate, chain []*x509.Certificate, now time.Time) subject {
	s := subject{cert: cert, chain: chain, now: now, doubts: map[string]agent.Doubt{}}
	for _, doubt := range agent.Examine(cert) {
		s.doubts[doubt.Check] = doubt
	}
	return s
}

// checks are all that there are, in their order.
var checks = []struct {
	name string
	run  func(subject) finding.Finding
}{
	{"validity", subject.validity},
	{"email", subject.email},
	{"key", subject.key},
	{"keyusage", subject.keyUsage},
	{"eku", subject.extendedKeyUsage},
	{"selfsigned", subject.selfSigned},
	{"ca", subject.ca},
	{"chain", subject.path},
	{"revocation", subject.revocation},
	{"signature", subject.signature},
	{"rules", subject.rules},
}

// Check returns what there is to say about a certificate, a finding for each check; of a CA's
// only that it is one, since the rest is about a key's. The chain is
// that of its issuers, in any order and as far as it is at hand; what does not belong to it is
// passed over. Contract section 5.3 has how bad each is.
func Check(cert *x509.Certificate, chain []*x509.Certificate, now time.Time) []finding.Finding {
	s := newSubject(cert, chain, now)
	var all []finding.Finding
	for _, check := range checks {
		if cert.IsCA && check.name != "ca" {
			continue
		}
		f := check.run(s)
		f.Check, f.What, f.Do = "certificate."+check.name, printable.Line(f.What), printable.Line(f.Do)
		all = append(all, f)
	}
	return all
}

func fine(format string, args ...any) finding.Finding {
	return finding.Finding{Severity: finding.OK, What: fmt.Sprintf(format, args...)}
}

// doubted returns the finding of agent.Examine's doubt, or else the good one.
func (s subject) doubted(check, do string, good finding.Finding) finding.Finding {
	doubt, ok := s.doubts["certificate."+check]
	switch {
	case !ok:
		return good
	case doubt.Likely:
		return finding.Finding{Severity: finding.Error, What: doubt.What, Do: do}
	}
	return finding.Finding{Severity: finding.Warning, What: doubt.What, Do: do}
}

func (s subject) validity() finding.Finding {
	const next = "get the next one and let it take over: anaplan-agent rotate"
	from, until := s.cert.NotBefore, s.cert.NotAfter
	left := until.Sub(s.now)
	do := next
	if until.Sub(from) <= soon { // the next one would not live longer
		do = "ask the CA for one with a longer life, or else " + next
	}
	switch {
	case until.Before(from):
		return finding.Finding{Severity: finding.Error, What: fmt.Sprintf("its dates are in the wrong order: it ends on %s, before it begins on %s, so that it is never valid", date(until), date(from)),
			Do: "the CA must issue it anew; for the request: anaplan-agent enroll --reuse-key"}
	case s.now.Before(from):
		return finding.Finding{Severity: finding.Error, What: "it is not valid before " + moment(from),
			Do: "wait until then; if that is past, set this machine's clock"}
	case left < 0:
		return finding.Finding{Severity: finding.Error, What: fmt.Sprintf("it ended %s ago, on %s", daysAgo(-left), date(until)), Do: next}
	case left <= soon:
		return finding.Finding{Severity: finding.Warning, What: fmt.Sprintf("it ends %s, on %s", DaysLeft(left), date(until)), Do: do}
	}
	return fine("it is valid until %s and ends %s", date(until), DaysLeft(left))
}

func (s subject) email() finding.Finding {
	const ask = "ask the CA for one with the Anaplan user's e-mail address in the subject alternative name (rfc822Name)"
	emails := s.emails()
	if len(emails) == 0 {
		missing := s.doubted("email", ask, finding.Finding{})
		if name := s.cert.Subject.CommonName; strings.Contains(name, "@") {
			missing.What += fmt.Sprintf("; that its common name, %s, looks like one does not count", name)
		}
		return missing
	}
	if doubted := s.doubted("email", ask, finding.Finding{}); doubted.What != "" {
		return doubted
	}
	what := fmt.Sprintf("it logs in %s, the address in the %s", emails[0], s.emailPlace())
	if len(emails) > 1 {
		return finding.Finding{Severity: finding.Info, What: what + "; it has others, too: " + strings.Join(emails[1:], ", "),
			Do: "see after a login which user it is: anaplan-agent whoami"}
	}
	return fine("%s", what)
}

// emails returns the addresses of the certificate, that by which Anaplan goes first, each once.
func (s subject) emails() []string {
	first := agent.Email(s.cert)
	if first == "" {
		return nil
	}
	all := []string{first}
	for _, other := range s.cert.EmailAddresses {
		if other != "" && !strings.EqualFold(other, all[0]) {
			all = append(all, other)
		}
	}
	return all
}

func (s subject) emailPlace() string {
	if cmp.Or(s.cert.EmailAddresses...) != "" {
		return "subject alternative name"
	}
	return "subject"
}

func (s subject) key() finding.Finding {
	if key, ok := s.cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() >= minBits {
		return fine("its key is %s", keyName(s.cert))
	}
	do := "make another key and a request for it: anaplan-agent enroll"
	if certread.IsOtherRSA(s.cert) {
		do = "have the CA issue it anew, for the same key as a plain RSA key (rsaEncryption); for the request: anaplan-agent enroll --reuse-key"
	}
	return finding.Finding{Severity: finding.Error, Do: do, What: fmt.Sprintf("its key is %s; Anaplan takes RSA of %d bits or more only", keyName(s.cert), minBits)}
}

func keyName(cert *x509.Certificate) string {
	if key, ok := cert.PublicKey.(*rsa.PublicKey); ok {
		return fmt.Sprintf("RSA of %d bits", key.N.BitLen())
	}
	return certread.KeyName(cert)
}

func (s subject) keyUsage() finding.Finding {
	return s.doubted("keyusage", "ask the CA for one with the key usage digitalSignature",
		fine("its key usage is %s", keyUsages(s.cert)))
}

func (s subject) extendedKeyUsage() finding.Finding {
	return s.doubted("eku", "ask the CA for an S/MIME or client certificate, with emailProtection and clientAuth",
		fine("its extended key usage is %s", extendedKeyUsages(s.cert)))
}

func (s subject) selfSigned() finding.Finding {
	return s.doubted("selfsigned", "get one from a CA on Anaplan's list; for the request: anaplan-agent enroll",
		fine("a CA has issued it: %s", certread.Name(s.cert.Issuer)))
}

func (s subject) ca() finding.Finding {
	return s.doubted("ca", "take the certificate that was issued to the key, not that of its CA", fine("it is not a CA's"))
}

func (s subject) revocation() finding.Finding {
	var places []string
	if urls := s.cert.CRLDistributionPoints; len(urls) > 0 {
		places = append(places, "CRL "+strings.Join(urls, ", "))
	}
	if urls := s.cert.OCSPServer; len(urls) > 0 {
		places = append(places, "OCSP "+strings.Join(urls, ", "))
	}
	return s.doubted("revocation", "ask the CA for one with a CRL distribution point or an OCSP server",
		fine("whether it has been revoked can be seen: %s", strings.Join(places, "; ")))
}

func (s subject) signature() finding.Finding {
	return s.doubted("signature", "ask the CA for one that is signed with SHA-256",
		fine("its CA signed it with %s", signatureName(s.cert)))
}

// signatureName is the algorithm by which a certificate is signed.
func signatureName(cert *x509.Certificate) string {
	if cert.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return "an algorithm that is not known here"
	}
	return cert.SignatureAlgorithm.String()
}

// rules tells of what programs refuse that are stricter than others.
func (s subject) rules() finding.Finding {
	return s.doubted("rules", "log in with it: anaplan-agent whoami; if Anaplan refuses it, the CA must issue it anew",
		fine("it is written by the rules of X.509"))
}

var usageNames = []struct {
	bit  x509.KeyUsage
	name string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature"}, {x509.KeyUsageContentCommitment, "nonRepudiation"},
	{x509.KeyUsageKeyEncipherment, "keyEncipherment"}, {x509.KeyUsageDataEncipherment, "dataEncipherment"},
	{x509.KeyUsageKeyAgreement, "keyAgreement"}, {x509.KeyUsageCertSign, "keyCertSign"}, {x509.KeyUsageCRLSign, "cRLSign"},
	{x509.KeyUsageEncipherOnly, "encipherOnly"}, {x509.KeyUsageDecipherOnly, "decipherOnly"},
}

// keyUsages names those of a certificate as RFC 5280 section 4.2.1.3 does.
func keyUsages(cert *x509.Certificate) string {
	var names []string
	for _, usage := range usageNames {
		if cert.KeyUsage&usage.bit != 0 {
			names = append(names, usage.name)
		}
	}
	return cmp.Or(strings.Join(names, ", "), "not stated")
}

// extendedKeyUsages names those of a certificate as RFC 5280 section 4.2.1.12 does, others by
// their numbers.
func extendedKeyUsages(cert *x509.Certificate) string {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
		x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection",
		x509.ExtKeyUsageTimeStamping: "timeStamping", x509.ExtKeyUsageOCSPSigning: "OCSPSigning",
	}
	var all []string
	for _, usage := range cert.ExtKeyUsage {
		all = append(all, cmp.Or(names[usage], "another"))
	}
	for _, usage := range cert.UnknownExtKeyUsage {
		all = append(all, usage.String())
	}
	return cmp.Or(strings.Join(all, ", "), "not stated, so any")
}

func date(t time.Time) string   { return t.UTC().Format("2006-01-02") }
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// DaysLeft says in how many days an end is. A day that has begun counts, as in the agent's own
// warnings.
func DaysLeft(d time.Duration) string {
	if d <= day {
		return "within a day"
	}
	return fmt.Sprintf("in %d days", (d+day-1)/day)
}

// daysAgo returns how many whole days have passed.
func daysAgo(d time.Duration) string {
	switch n := int(d / day); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
