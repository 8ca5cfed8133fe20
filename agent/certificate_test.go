package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/google/go-cmp/cmp"
)

var oidEmail = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// issue returns a certificate of the template, signed by a CA or, where the
// template is a CA's, by itself. What Email and Doubts look at does not depend
// on the kind of key.
func issue(t *testing.T, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(7)
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}}
	if template.IsCA {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func subject(emails ...string) pkix.Name {
	name := pkix.Name{CommonName: "Robot"}
	for _, email := range emails {
		name.ExtraNames = append(name.ExtraNames, pkix.AttributeTypeAndValue{
			Type: oidEmail, Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(email)},
		})
	}
	return name
}

func TestEmail(t *testing.T) {
	tests := []struct {
		name     string
		template x509.Certificate
		want     string
	}{
		{"alternative name", x509.Certificate{Subject: subject(), EmailAddresses: []string{"a@example.com"}}, "a@example.com"},
		{"first of two", x509.Certificate{Subject: subject(), EmailAddresses: []string{"a@example.com", "b@example.com"}}, "a@example.com"},
		{"first that is not empty", x509.Certificate{Subject: subject("s@example.com"), EmailAddresses: []string{"", "b@example.com"}}, "b@example.com"},
		{"subject", x509.Certificate{Subject: subject("s@example.com")}, "s@example.com"},
		{"alternative name before subject", x509.Certificate{Subject: subject("s@example.com"), EmailAddresses: []string{"a@example.com"}}, "a@example.com"},
		{"common name does not count", x509.Certificate{Subject: pkix.Name{CommonName: "c@example.com"}}, ""},
		{"DNS name does not count", x509.Certificate{Subject: subject(), DNSNames: []string{"example.com"}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := agent.Email(issue(t, &test.template)); got != test.want {
				t.Errorf("Email() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestDoubts(t *testing.T) {
	const (
		noEmail    = "it has no e-mail address in the subject alternative name or the subject, by which Anaplan finds the user"
		selfSigned = "it is self-signed; Anaplan wants a certificate from a CA on its list"
		ca         = "it is a CA's certificate; give the key's"
		noUsage    = "its key usage lacks digitalSignature"
		serverOnly = "it is for servers only (extended key usage serverAuth); Anaplan wants clientAuth or emailProtection"
		otherUsage = "its extended key usage is for other things; Anaplan wants clientAuth or emailProtection"
		unchecked  = "it names no CRL and no OCSP server, so Anaplan cannot see whether it has been revoked"
	)
	usages := func(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
	}
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		want   []string
	}{
		{"as Anaplan wants it", func(c *x509.Certificate) {}, nil},
		{"no extended usage", usages(), nil},
		{"client and server", usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), nil},
		{"mail and server", usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageEmailProtection), nil},
		{"any usage", usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny), nil},
		{"code only", usages(x509.ExtKeyUsageCodeSigning), []string{otherUsage}},
		{"an unknown usage", func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}}
		}, []string{otherUsage}},
		{"server and an unknown usage", func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 20, 2, 2}}
		}, []string{serverOnly}},
		{"server only", usages(x509.ExtKeyUsageServerAuth), []string{serverOnly}},
		{"no e-mail", func(c *x509.Certificate) { c.EmailAddresses = nil }, []string{noEmail}},
		{"e-mail in the subject", func(c *x509.Certificate) { c.EmailAddresses, c.Subject = nil, subject("s@example.com") }, nil},
		{"no key usage", func(c *x509.Certificate) { c.KeyUsage = 0 }, []string{noUsage}},
		{"encipherment only", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, []string{noUsage}},
		{"more than signature", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyEncipherment }, nil},
		{"named like its issuer", func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "Test CA"} }, []string{selfSigned}},
		{"a CA", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }, []string{ca}},
		{"OCSP in place of a CRL", func(c *x509.Certificate) {
			c.CRLDistributionPoints, c.OCSPServer = nil, []string{"http://ocsp.example.com"}
		}, nil},
		{"not to be revoked", func(c *x509.Certificate) { c.CRLDistributionPoints = nil }, []string{unchecked}},
		{"everything wrong", func(c *x509.Certificate) {
			*c = x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		}, []string{noEmail, selfSigned, noUsage, serverOnly, unchecked}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			template := &x509.Certificate{
				Subject: subject(), EmailAddresses: []string{"robot@example.com"}, KeyUsage: x509.KeyUsageDigitalSignature,
				CRLDistributionPoints: []string{"http://crl.example.com"},
				ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			}
			test.change(template)
			if diff := cmp.Diff(test.want, agent.Doubts(issue(t, template))); diff != "" {
				t.Errorf("doubts (-want +got):\n%s", diff)
			}
		})
	}
}

// Go signs with none of these any more, so the certificate is altered after it
// was parsed.
func TestDoubtsAboutWeakSignatures(t *testing.T) {
	for algorithm, weak := range map[x509.SignatureAlgorithm]bool{
		x509.SHA1WithRSA: true, x509.ECDSAWithSHA1: true, x509.DSAWithSHA1: true, x509.MD5WithRSA: true,
		x509.SHA256WithRSA: false, x509.SHA512WithRSA: false, x509.SHA256WithRSAPSS: false, x509.ECDSAWithSHA384: false, x509.PureEd25519: false,
	} {
		cert := issue(t, &x509.Certificate{
			Subject: subject(), EmailAddresses: []string{"robot@example.com"}, KeyUsage: x509.KeyUsageDigitalSignature,
			CRLDistributionPoints: []string{"http://crl.example.com"},
		})
		cert.SignatureAlgorithm = algorithm
		var want []string
		if weak {
			want = []string{"its CA signed it with " + algorithm.String() + ", which is no longer trusted"}
		}
		if diff := cmp.Diff(want, agent.Doubts(cert)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", algorithm, diff)
		}
	}
}

func TestExamine(t *testing.T) {
	cert := issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	cert.SignatureAlgorithm = x509.SHA1WithRSA
	likely := map[string]bool{}
	for _, doubt := range agent.Examine(cert) {
		likely[doubt.Check] = doubt.Likely
	}
	cert.IsCA = true
	for _, doubt := range agent.Examine(cert) {
		likely[doubt.Check] = doubt.Likely
	}
	want := map[string]bool{
		"certificate.email": true, "certificate.selfsigned": true, "certificate.keyusage": true, "certificate.eku": true,
		"certificate.revocation": false, "certificate.signature": false, "certificate.ca": true,
	}
	if diff := cmp.Diff(want, likely); diff != "" {
		t.Errorf("what is likely (-want +got):\n%s", diff)
	}

	other := issue(t, &x509.Certificate{
		Subject: subject("s@example.com"), KeyUsage: x509.KeyUsageDigitalSignature, CRLDistributionPoints: []string{"http://crl.example.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
	if got := agent.Examine(other); len(got) != 1 || got[0].Check != "certificate.eku" || got[0].Likely {
		t.Errorf("a usage of another kind: %+v", got)
	}
}

func TestDoubtSaysHowBadItIs(t *testing.T) {
	for likely, want := range map[bool]string{
		true:  "Anaplan will probably refuse the certificate: it is odd",
		false: "Anaplan may have something against the certificate: it is odd",
	} {
		if got := (agent.Doubt{What: "it is odd", Likely: likely}).String(); got != want {
			t.Errorf("likely %v: %q, want %q", likely, got, want)
		}
	}
}
