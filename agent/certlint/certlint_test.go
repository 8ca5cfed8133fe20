package certlint_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/google/go-cmp/cmp"
)

var (
	day   = 24 * time.Hour
	today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

	// The keys are slow to make, and what is checked does not depend on them.
	robotKey = sync.OnceValue(func() crypto.Signer { return newRSA(2048) })
	caKey    = sync.OnceValue(func() crypto.Signer { return newRSA(2048) })
	otherKey = sync.OnceValue(func() crypto.Signer { return newRSA(2048) })
)

func newRSA(bits int) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// identity is somebody who can issue certificates.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// issue returns a certificate of the template, from an issuer or from itself if that is nil.
func issue(t testing.TB, by *identity, key crypto.Signer, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	if by == nil {
		by = &identity{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// ca is the template of a CA.
func ca(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotBefore: today.Add(-1000 * day), NotAfter: today.Add(1000 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// robot is the template of a certificate as Anaplan wants it.
func robot() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(0x0a1b), Subject: pkix.Name{CommonName: "Robot", Organization: []string{"Example"}},
		NotBefore: today.Add(-100 * day), NotAfter: today.Add(265 * day),
		EmailAddresses: []string{"robot@example.com"}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection},
		CRLDistributionPoints: []string{"http://crl.example.com/ca.crl"}, OCSPServer: []string{"http://ocsp.example.com"},
	}
}

// authorities are a root, and a CA below it.
type authorities struct {
	root, issuing *x509.Certificate
	by            *identity // the latter
}

func newAuthorities(t *testing.T) authorities {
	t.Helper()
	root := issue(t, nil, otherKey(), ca("Root CA"))
	issuing := issue(t, &identity{root, otherKey()}, caKey(), ca("Issuing CA"))
	return authorities{root, issuing, &identity{issuing, caKey()}}
}

func byCheck(t *testing.T, findings []finding.Finding, check string) finding.Finding {
	t.Helper()
	for _, f := range findings {
		if f.Check == "certificate."+check {
			return f
		}
	}
	t.Fatalf("there is no finding of %s among %v", check, findings)
	return finding.Finding{}
}

func TestChecksInTheirOrder(t *testing.T) {
	pki := newAuthorities(t)
	findings := certlint.Check(issue(t, pki.by, robotKey(), robot()), []*x509.Certificate{pki.issuing, pki.root}, today)
	var got []string
	for _, f := range findings {
		got = append(got, strings.TrimPrefix(f.Check, "certificate.")+" "+string(f.Severity))
		if f.Do != "" {
			t.Errorf("%s asks to do something about what is fine: %s", f.Check, f.Do)
		}
	}
	want := []string{"validity ok", "email ok", "key ok", "keyusage ok", "eku ok", "selfsigned ok", "ca ok", "chain ok", "revocation ok", "signature ok", "rules ok"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	const ok, info, warning, failure = finding.OK, finding.Info, finding.Warning, finding.Error
	ends := func(at time.Time) func(*x509.Certificate) { return func(c *x509.Certificate) { c.NotAfter = at } }
	emailInSubject := pkix.Name{CommonName: "Robot", ExtraNames: []pkix.AttributeTypeAndValue{{
		Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("s@example.com")},
	}}}
	usages := func(all ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = all }
	}
	tests := []struct {
		check    string
		name     string
		change   func(*x509.Certificate)
		severity finding.Severity
		what, do string // what is in the texts
	}{
		{"validity", "long", nil, ok, "it is valid until 2026-11-21 and ends in 265 days", ""},
		{"validity", "the wrong way round", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = c.NotAfter, c.NotBefore }, failure, "its dates are in the wrong order: it ends on ", "the CA must issue it anew"},
		{"validity", "61 days", ends(today.Add(61 * day)), ok, "ends in 61 days", ""},
		{"validity", "60 days", ends(today.Add(60 * day)), warning, "it ends in 60 days, on 2026-04-30", "anaplan-agent rotate"},
		{"validity", "a day", ends(today.Add(day + time.Hour)), warning, "it ends in 2 days, on 2026-03-02", "anaplan-agent rotate"},
		{"validity", "an hour", ends(today.Add(time.Hour)), warning, "it ends within a day, on 2026-03-01", "anaplan-agent rotate"},
		{"validity", "just over", ends(today.Add(-time.Second)), failure, "it ended less than a day ago, on 2026-03-01", "anaplan-agent rotate"},
		{"validity", "long over", ends(today.Add(-30 * day)), failure, "it ended 30 days ago, on 2026-01-30", "anaplan-agent rotate"},
		{"validity", "not yet", func(c *x509.Certificate) { c.NotBefore = today.Add(time.Hour) }, failure, "it is not valid before 2026-03-01 13:00 UTC", "set this machine's clock"},

		{"validity", "short life", func(c *x509.Certificate) { c.NotBefore, c.NotAfter = today, today.Add(30*day) }, warning, "it ends in 30 days", "ask the CA for one with a longer life"},

		{"email", "alternative name", nil, ok, "it logs in robot@example.com, the address in the subject alternative name", ""},
		{"email", "subject", func(c *x509.Certificate) { c.EmailAddresses, c.Subject = nil, emailInSubject }, ok, "s@example.com, the address in the subject", ""},
		{"email", "several", func(c *x509.Certificate) {
			c.EmailAddresses = []string{"a@example.com", "A@example.com", "b@example.com"}
		}, info,
			"it logs in a@example.com, the address in the subject alternative name; it has others, too: b@example.com", "anaplan-agent whoami"},
		{"email", "none", func(c *x509.Certificate) { c.EmailAddresses = nil }, failure, "it has no e-mail address", "rfc822Name"},
		{"email", "common name", func(c *x509.Certificate) { c.EmailAddresses, c.Subject.CommonName = nil, "c@example.com" }, failure,
			"that its common name, c@example.com, looks like one does not count", "rfc822Name"},
		{"email", "a word", func(c *x509.Certificate) { c.EmailAddresses = []string{"robot"} }, warning, `its e-mail address, "robot", does not look like one`, "rfc822Name"},
		{"email", "a name around it", func(c *x509.Certificate) { c.EmailAddresses = []string{"Robot <robot@example.com>"} }, warning, `its e-mail address, "Robot <robot@example.com>", has more in it than the address itself, so Anaplan may find no user by it`, "rfc822Name"},
		{"email", "brackets", func(c *x509.Certificate) { c.EmailAddresses = []string{"<robot@example.com>"} }, warning, "has more in it than the address itself", "rfc822Name"},
		{"email", "blanks around it", func(c *x509.Certificate) { c.EmailAddresses = []string{" robot@example.com"} }, warning, "has blanks around it", "rfc822Name"},
		{"email", "a blank in it", func(c *x509.Certificate) { c.EmailAddresses = []string{"ro bot@example.com"} }, warning, "has blanks in it", "rfc822Name"},
		{"email", "in the subject, with a name around it", func(c *x509.Certificate) {
			c.EmailAddresses, c.Subject = nil, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "Robot <s@example.com>"}}}
		}, warning, "has more in it than the address itself", "rfc822Name"},

		{"key", "RSA", nil, ok, "its key is RSA of 2048 bits", ""},

		{"keyusage", "good", nil, ok, "its key usage is digitalSignature, keyEncipherment", ""},
		{"keyusage", "none", func(c *x509.Certificate) { c.KeyUsage = 0 }, failure, "its key usage lacks digitalSignature", "digitalSignature"},
		{"keyusage", "other", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, failure, "lacks digitalSignature", "digitalSignature"},

		{"eku", "both", nil, ok, "its extended key usage is clientAuth, emailProtection", ""},
		{"eku", "none", usages(), ok, "not stated, so any", ""},
		{"eku", "clients and others", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageMicrosoftServerGatedCrypto}
			c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}}
		}, ok, "clientAuth, another, 1.3.6.1.4.1.311.20.2.2", ""},
		{"eku", "servers", usages(x509.ExtKeyUsageServerAuth), failure, "it is for servers only", "S/MIME"},
		{"eku", "code", usages(x509.ExtKeyUsageCodeSigning), warning, "is for other things", "S/MIME"},

		{"selfsigned", "issued", nil, ok, "a CA has issued it: CN=Issuing CA,O=Example", ""},
		{"selfsigned", "named like its CA", func(c *x509.Certificate) { c.Subject = ca("Issuing CA").Subject }, failure, "it is self-signed", "anaplan-agent enroll"},

		{"ca", "none", nil, ok, "it is not a CA's", ""},
		{"ca", "a CA", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, failure, "it is a CA's certificate; give the key's", "not that of its CA"},

		{"chain", "whole", nil, ok, "it leads to the root CN=Root CA,O=Example", ""},
		{"chain", "of what signed itself", func(c *x509.Certificate) { c.Subject = ca("Issuing CA").Subject }, finding.Skipped, "has no chain", ""},

		{"revocation", "both", nil, ok, "CRL http://crl.example.com/ca.crl; OCSP http://ocsp.example.com", ""},
		{"revocation", "OCSP", func(c *x509.Certificate) { c.CRLDistributionPoints = nil }, ok, "seen: OCSP http://ocsp.example.com", ""},
		{"revocation", "none", func(c *x509.Certificate) { c.CRLDistributionPoints, c.OCSPServer = nil, nil }, warning, "it names no CRL and no OCSP server", "CRL distribution point"},

		{"signature", "SHA-256", nil, ok, "its CA signed it with SHA256-RSA", ""},
		{"rules", "kept", nil, ok, "it is written by the rules of X.509", ""},
		{"rules", "unknown and critical", func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
		}, warning, "its extension 1.2.3.4 is critical, and little known: programs that do not know it must refuse the certificate", "the CA must issue it anew"},

		{"signature", "SHA-512", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA512WithRSA }, ok, "SHA512-RSA", ""},
	}
	pki := newAuthorities(t)
	for _, test := range tests {
		t.Run(test.check+" "+test.name, func(t *testing.T) {
			template := robot()
			if test.change != nil {
				test.change(template)
			}
			cert := issue(t, pki.by, robotKey(), template)
			got := byCheck(t, certlint.Check(cert, []*x509.Certificate{pki.issuing, pki.root}, today), test.check)
			check(t, got, test.severity, test.what, test.do)
		})
	}
}

func check(t *testing.T, got finding.Finding, severity finding.Severity, what, do string) {
	t.Helper()
	if got.Severity != severity || !strings.Contains(got.What, what) || !strings.Contains(got.Do, do) {
		t.Errorf("got %s: %s\n  %s\nwant %s: %s\n  %s", got.Severity, got.What, got.Do, severity, what, do)
	}
	if (do == "") != (got.Do == "") {
		t.Errorf("to do: %q, want %q", got.Do, do)
	}
}

func TestKeys(t *testing.T) {
	elliptic256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pki := newAuthorities(t)
	for _, test := range []struct {
		key  crypto.Signer
		what string
	}{
		{newRSA(1024), "its key is RSA of 1024 bits; Anaplan takes RSA of 2048 bits or more only"},
		{elliptic256, "its key is an elliptic curve key (P-256); Anaplan"},
		{edwards, "its key is an Ed25519 key; Anaplan"},
	} {
		got := byCheck(t, certlint.Check(issue(t, pki.by, test.key, robot()), nil, today), "key")
		check(t, got, finding.Error, test.what, "anaplan-agent enroll")
	}
	cert := issue(t, pki.by, robotKey(), robot())
	cert.PublicKey, cert.RawSubjectPublicKeyInfo = nil, nil
	check(t, byCheck(t, certlint.Check(cert, nil, today), "key"), finding.Error, "a key that cannot be read", "anaplan-agent enroll")
}

// Go signs with none of these any more, so the certificates are altered after they were parsed.
func TestWeakSignatures(t *testing.T) {
	pki := newAuthorities(t)
	cert := issue(t, pki.by, robotKey(), robot())
	cert.SignatureAlgorithm = x509.SHA1WithRSA
	findings := certlint.Check(cert, []*x509.Certificate{pki.root, pki.issuing}, today)
	check(t, byCheck(t, findings, "signature"), finding.Warning, "its CA signed it with SHA1-RSA, which is no longer trusted", "SHA-256")
	check(t, byCheck(t, findings, "chain"), finding.OK, "it leads to the root", "")

	cert.SignatureAlgorithm, pki.issuing.SignatureAlgorithm = x509.SHA256WithRSA, x509.SHA1WithRSA
	findings = certlint.Check(cert, []*x509.Certificate{pki.root, pki.issuing}, today)
	check(t, byCheck(t, findings, "chain"), finding.Warning, "CN=Issuing CA,O=Example is signed with SHA1-RSA", "from the CA")
}

func TestChain(t *testing.T) {
	pki := newAuthorities(t)
	cert := issue(t, pki.by, robotKey(), robot())
	old := ca("Issuing CA")
	old.NotAfter = today.Add(-day)
	expired := issue(t, &identity{pki.root, otherKey()}, caKey(), old)
	impostor := issue(t, nil, robotKey(), ca("Issuing CA"))
	tests := []struct {
		name     string
		chain    []*x509.Certificate
		severity finding.Severity
		what, do string
	}{
		{"none", nil, finding.Skipped, "no CA's certificate is at hand; its issuer is CN=Issuing CA,O=Example", "along with it"},
		{"in any order", []*x509.Certificate{pki.root, impostor, pki.issuing}, finding.OK, "it leads to the root CN=Root CA", ""},
		{"without the root", []*x509.Certificate{pki.issuing}, finding.Info, "it leads to CN=Issuing CA,O=Example, whose issuer, CN=Root CA,O=Example, is not at hand", "list of CAs"},
		{"root only", []*x509.Certificate{pki.root}, finding.Warning, "none of the 1 certificates of CAs at hand is its issuer's, CN=Issuing CA", "from the CA"},
		{"impostor", []*x509.Certificate{impostor}, finding.Warning, "has its issuer's name, CN=Issuing CA,O=Example, and has not signed it", "from the CA"},
		{"expired", []*x509.Certificate{expired, pki.root}, finding.Warning, "in its chain, CN=Issuing CA,O=Example is valid only from 2023-06-05 until 2026-02-28", "from the CA"},
		{"expired and renewed", []*x509.Certificate{expired, pki.issuing, pki.root}, finding.OK, "it leads to the root", ""},
		{"the same many times", []*x509.Certificate{pki.issuing, pki.issuing, pki.issuing, pki.root, pki.root}, finding.OK, "it leads to the root", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check(t, byCheck(t, certlint.Check(cert, test.chain, today), "chain"), test.severity, test.what, test.do)
		})
	}
}

// The warnings at a login and the findings are the same words.
func TestDoubtsAreFindings(t *testing.T) {
	cert := issue(t, nil, robotKey(), &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: today.Add(100 * day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	doubts := slices.Sorted(slices.Values(agent.Doubts(cert)))
	var got []string
	for _, f := range certlint.Check(cert, nil, today) {
		if f.Severity == finding.Error || f.Severity == finding.Warning {
			got = append(got, f.What)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(doubts, got); diff != "" || len(doubts) != 5 {
		t.Errorf("%d doubts, want 5; doubts and findings differ:\n%s", len(doubts), diff)
	}
}

// Of a CA's certificate nothing else is told: what it lacks does not matter, and would send a
// person to the CA with the wrong questions.
func TestOnlyThatItIsACAs(t *testing.T) {
	cert := issue(t, nil, caKey(), ca("Root CA"))
	findings := certlint.Check(cert, nil, today)
	if len(findings) != 1 {
		t.Fatalf("got %v, want one finding", findings)
	}
	check(t, byCheck(t, findings, "ca"), finding.Error, "give the key's", "not that of its CA")
}

func TestEmptyAddress(t *testing.T) {
	cert := issue(t, nil, robotKey(), robot())
	cert.EmailAddresses = []string{"", "robot@example.com"}
	check(t, byCheck(t, certlint.Check(cert, nil, today), "email"), finding.Warning, "an empty e-mail address beside robot@example.com", "rfc822Name")
	cert.EmailAddresses = []string{""}
	check(t, byCheck(t, certlint.Check(cert, nil, today), "email"), finding.Error, "it has no e-mail address", "rfc822Name")
}

// What a CA writes can neither move the cursor nor pass for a line of ours.
func TestHostileNames(t *testing.T) {
	template := robot()
	template.Subject.CommonName = "x@y\x1b[2J\r\nAnaplan will take it\u202e"
	template.EmailAddresses = nil
	template.CRLDistributionPoints = []string{"http://crl.example.com/\x1b[31m\nok"}
	cert := issue(t, nil, robotKey(), template)
	text := certlint.Explain(cert, nil, today)
	for _, f := range certlint.Check(cert, nil, today) {
		if strings.Contains(f.What+f.Do, "\n") {
			t.Errorf("%s has several lines: %q", f.Check, f.What)
		}
		text += f.What + f.Do
	}
	if strings.ContainsAny(text, "\x1b\r\u202e") || strings.Contains(text, "\nAnaplan will take") || strings.Contains(text, "\nok") {
		t.Errorf("text %q", text)
	}
}

// What crypto/x509 refuses is judged as anything else, and the rule that it breaks is named.
func TestOdds(t *testing.T) {
	for _, odd := range certtest.Odds() {
		cert, err := certread.Parse(odd.Make(robotKey().Public()))
		if err != nil {
			t.Fatal(err)
		}
		findings := certlint.Check(cert, nil, time.Now())
		check(t, byCheck(t, findings, "rules"), finding.Warning, "it breaks the rules of X.509: ", "the CA must issue it anew")
		if got := byCheck(t, findings, "rules"); !strings.Contains(got.What, odd.Fault) || strings.Contains(got.What, "2.5.29") {
			t.Errorf("%s: %s", odd.Name, got.What)
		}
		check(t, byCheck(t, findings, "key"), finding.OK, "RSA of 2048 bits", "")
	}
}
