package hardware_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// newKey makes a key.
func newKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What no device takes is refused with the reason, and the caller's key stays as it is.
func TestImportable(t *testing.T) {
	key := newKey(t, 2048)
	three := &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D, Primes: append(slices.Clone(key.Primes), big.NewInt(3))}
	damaged := &rsa.PrivateKey{PublicKey: key.PublicKey, D: new(big.Int).Add(key.D, big.NewInt(2)), Primes: key.Primes}
	none := &rsa.PrivateKey{PublicKey: key.PublicKey}
	picky := errors.New("picky")
	for name, test := range map[string]struct {
		key  *rsa.PrivateKey
		fits func(*rsa.PrivateKey) error
		says string // "": it is taken
	}{
		"as it is":           {key, nil, ""},
		"nil":                {nil, nil, "no private key"},
		"a public key":       {none, nil, "no private key"},
		"three primes":       {three, nil, "it has 3 primes"},
		"damaged":            {damaged, nil, "it is damaged"},
		"another device's":   {key, func(*rsa.PrivateKey) error { return picky }, "picky"},
		"three primes first": {three, func(*rsa.PrivateKey) error { return picky }, "it has 3 primes"},
	} {
		got, err := hardware.Importable(test.key, test.fits)
		switch {
		case test.says == "" && (err != nil || got == test.key || !got.Equal(test.key)):
			t.Errorf("%s: %v", name, err)
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestCheckTime(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	certificate := &x509.Certificate{Subject: pkix.Name{CommonName: "ana"}, NotBefore: begin, NotAfter: begin.AddDate(1, 0, 0)}
	for _, c := range []struct {
		now  time.Time
		want error
		says string
	}{
		{begin, nil, ""},
		{certificate.NotAfter, nil, ""},
		{begin.Add(-time.Second), hardware.ErrCertificateNotYetValid, "CN=ana begins 2026-01-02T03:04:05Z"},
		{certificate.NotAfter.Add(time.Second), hardware.ErrCertificateExpired, "CN=ana ended 2027-01-02"},
	} {
		err := hardware.CheckTime(certificate, c.now)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("at %v: %v, want %v with %q", c.now, err, c.want, c.says)
		}
	}
	reversed := &x509.Certificate{Subject: certificate.Subject, NotBefore: certificate.NotAfter, NotAfter: certificate.NotBefore}
	if err := hardware.CheckTime(reversed, begin.AddDate(-1, 0, 0)); !errors.Is(err, hardware.ErrCertificateExpired) || !strings.Contains(err.Error(), "ends 2026-01-02, before it begins") {
		t.Errorf("dates in the wrong order: %v", err)
	}
}

// A request is signed by SHA-256 whatever its template wants, and by the key that it names.
func TestCertificateRequest(t *testing.T) {
	key, other := newKey(t, 2048), newKey(t, 2048)
	signBy := func(key *rsa.PrivateKey) func([]byte) ([]byte, error) {
		return func(message []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(nil, key, crypto.SHA256, hardware.Digest(crypto.SHA256, message))
		}
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ana"}, SignatureAlgorithm: x509.SHA512WithRSA}
	der, err := hardware.CertificateRequest(template, &key.PublicKey, signBy(key))
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil || request.CheckSignature() != nil || request.SignatureAlgorithm != x509.SHA256WithRSA || request.Subject.CommonName != "ana" {
		t.Errorf("%+v, %v", request, err)
	}
	if template.SignatureAlgorithm != x509.SHA512WithRSA {
		t.Error("the caller's template is changed")
	}
	if _, err := hardware.CertificateRequest(nil, &key.PublicKey, signBy(key)); err != nil {
		t.Errorf("without a template: %v", err)
	}
	if _, err := hardware.CertificateRequest(nil, &key.PublicKey, signBy(other)); !errors.Is(err, hardware.ErrBadSignature) {
		t.Errorf("signed by another key: %v", err)
	}
}
