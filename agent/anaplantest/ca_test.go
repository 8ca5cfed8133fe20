package anaplantest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

func newCA(t *testing.T) *anaplantest.CA {
	t.Helper()
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// newCSR makes a signing request, with the key of all the tests.
func newCSR(t *testing.T, template x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// emailSubject is a subject with the attribute emailAddress.
func emailSubject(email string) pkix.Name {
	oid := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	return pkix.Name{CommonName: "Batch", ExtraNames: []pkix.AttributeTypeAndValue{{Type: oid, Value: email}}}
}

// An issued certificate is what contract section 5.1 asks for.
func TestIssue(t *testing.T) {
	ca := newCA(t)
	csr := newCSR(t, x509.CertificateRequest{Subject: emailSubject("batch@example.com")})
	cert, err := ca.Issue(csr, nil)
	if err != nil {
		t.Fatal(err)
	}
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection}
	for _, usage := range usages {
		_, err := cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	if cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 || cert.IsCA || len(cert.CRLDistributionPoints) == 0 {
		t.Errorf("key usage %v, CA %v, CRL %q", cert.KeyUsage, cert.IsCA, cert.CRLDistributionPoints)
	}
	if diff := cmp.Diff([]string{"batch@example.com"}, cert.EmailAddresses); diff != "" {
		t.Errorf("e-mail: %s", diff)
	}
	if cert.Subject.CommonName != "Batch" || strings.Contains(cert.Subject.String(), "1.2.840.113549.1.9.1") {
		t.Errorf("subject %v", cert.Subject)
	}
	if !rsaKey().PublicKey.Equal(cert.PublicKey) {
		t.Error("the certificate is for another key")
	}
}

// Whose address goes into the certificate.
func TestIssueEmail(t *testing.T) {
	ca := newCA(t)
	inSAN := x509.CertificateRequest{EmailAddresses: []string{"san@example.com"}, Subject: emailSubject("subject@example.com")}
	for _, test := range []struct {
		name string
		csr  x509.CertificateRequest
		opts *anaplantest.IssueOptions
		want []string
		err  error
	}{
		{"from the alternative name", inSAN, nil, []string{"san@example.com"}, nil},
		{"from the option", inSAN, &anaplantest.IssueOptions{Email: "option@example.com"}, []string{"option@example.com"}, nil},
		{"nowhere", x509.CertificateRequest{}, nil, nil, anaplantest.ErrNoEmail},
		{"left out", inSAN, &anaplantest.IssueOptions{NoEmail: true}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			cert, err := ca.Issue(newCSR(t, test.csr), test.opts)
			if !errors.Is(err, test.err) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, cert.EmailAddresses); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIssueRefusesBadRequests(t *testing.T) {
	ca := newCA(t)
	good := newCSR(t, x509.CertificateRequest{EmailAddresses: []string{"a@example.com"}})
	block, _ := pem.Decode(good)
	encode := func(name string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: name, Bytes: der})
	}
	forged := bytes.Clone(block.Bytes)
	forged[len(forged)-1] ^= 1
	for _, test := range []struct {
		name string
		csr  []byte
		want string
	}{
		{"empty", nil, "no PEM block"},
		{"DER", block.Bytes, "no PEM block"},
		{"certificate", ca.PEM(), "its PEM block is a CERTIFICATE"},
		{"rubbish", encode("CERTIFICATE REQUEST", []byte("x")), "not a certificate signing request"},
		{"forged", encode("CERTIFICATE REQUEST", forged), "not signed by its own key"},
	} {
		if _, err := ca.Issue(test.csr, nil); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v lacks %q", test.name, err, test.want)
		}
	}
	if _, err := ca.Issue(encode("NEW CERTIFICATE REQUEST", block.Bytes), nil); err != nil {
		t.Errorf("keytool's form: %v", err)
	}
}

// The bad certificates that IssueOptions can make are bad in that way only.
func TestIssueBadCertificates(t *testing.T) {
	ca := newCA(t)
	issue := func(opts anaplantest.IssueOptions) *x509.Certificate {
		t.Helper()
		cert, err := ca.IssueForKey(rsaKey().Public(), &opts)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	day := time.Now().Add(24 * time.Hour).Truncate(time.Second).UTC()
	if got := issue(anaplantest.IssueOptions{NotBefore: day}).NotBefore; !got.Equal(day) {
		t.Errorf("begins %v, want %v", got, day)
	}
	if got := issue(anaplantest.IssueOptions{NotAfter: day}).NotAfter; !got.Equal(day) {
		t.Errorf("ends %v, want %v", got, day)
	}
	if got := issue(anaplantest.IssueOptions{ServerOnly: true}).ExtKeyUsage; !cmp.Equal(got, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("usages %v", got)
	}
	if got := issue(anaplantest.IssueOptions{SHA1: true}).SignatureAlgorithm; got != x509.ECDSAWithSHA1 {
		t.Errorf("signed with %v", got)
	}
	if !issue(anaplantest.IssueOptions{IsCA: true}).IsCA {
		t.Error("not CA:TRUE")
	}
	if got := issue(anaplantest.IssueOptions{NoEmail: true}).EmailAddresses; got != nil {
		t.Errorf("e-mail %q", got)
	}
	if _, err := ca.IssueForKey("no key", nil); err == nil {
		t.Error("a string got a certificate")
	}
}

func TestCAKeptInDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "ca")
	if _, err := anaplantest.LoadCA(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("load of nothing: %v", err)
	}
	made, err := anaplantest.OpenCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := anaplantest.OpenCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !kept.Certificate.Equal(made.Certificate) {
		t.Error("another CA came back")
	}
	cert, err := kept.IssueForKey(rsaKey().Public(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := cert.CheckSignatureFrom(made.Certificate); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, "ca-key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file mode %v, %v", info.Mode(), err)
	}
	if err := made.Save(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was overwritten: %v", err)
	}
}

func TestDamagedCA(t *testing.T) {
	ca := newCA(t)
	other := newCA(t)
	leaf, err := ca.ServerCertificate("localhost")
	if err != nil {
		t.Fatal(err)
	}
	leafKey, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, file string
		content    []byte // nil: the file is removed
		want       string
	}{
		{"lost key", "ca-key.pem", nil, "not whole"},
		{"lost certificate", "ca.pem", nil, "not whole"},
		{"rubbish", "ca.pem", []byte("rubbish"), "do not fit"},
		{"another's certificate", "ca.pem", other.PEM(), "do not fit"},
	} {
		dir := t.TempDir()
		if err := ca.Save(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, test.file)); err != nil {
			t.Fatal(err)
		}
		if test.content != nil {
			os.WriteFile(filepath.Join(dir, test.file), test.content, 0o600)
		}
		_, err := anaplantest.OpenCA(dir)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v lacks %q", test.name, err, test.want)
		}
	}

	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "ca.pem"), anaplantest.EncodePEM(leaf.Leaf), 0o600)
	os.WriteFile(filepath.Join(dir, "ca-key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: leafKey}), 0o600)
	if _, err := anaplantest.LoadCA(dir); err == nil || !strings.Contains(err.Error(), "not a CA") {
		t.Errorf("a leaf as CA: %v", err)
	}
	if _, err := anaplantest.OpenCA(filepath.Join(dir, "ca.pem", "below")); err == nil {
		t.Error("a CA was kept below a file")
	}
}
