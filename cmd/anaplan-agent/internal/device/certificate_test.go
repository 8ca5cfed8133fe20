package device

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NewCertificate makes a self-signed certificate; a CA's if it says so.
func newCertificate(t *testing.T, name string, isCA bool) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), IsCA: isCA, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadCertificates(t *testing.T) {
	leaf, ca := newCertificate(t, "leaf", false), newCertificate(t, "ca", true)
	leafPEM, caPEM := EncodePEM("CERTIFICATE", leaf.Raw), EncodePEM("CERTIFICATE", ca.Raw)
	for name, test := range map[string]struct {
		text string
		want int
	}{
		"PEM": {leafPEM, 1}, "DER": {string(leaf.Raw), 1}, "bundle": {caPEM + leafPEM, 2},
		"text around": {"Bag Attributes\r\n" + strings.ReplaceAll(leafPEM, "\n", "\r\n") + "bye", 1},
	} {
		certs, err := ReadCertificates(writeFile(t, test.text))
		if err != nil || len(certs) != test.want {
			t.Errorf("%s: %d certificates, %v; want %d", name, len(certs), err, test.want)
		}
	}
	for name, text := range map[string]string{
		"nothing": "hello", "a key": EncodePEM("PRIVATE KEY", []byte{1}), "a torn file": EncodePEM("CERTIFICATE", leaf.Raw[:100]),
	} {
		path := writeFile(t, text)
		if _, err := ReadCertificates(path); !errors.Is(err, ErrCertificateFile) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadCertificateWantsOne(t *testing.T) {
	pair := EncodePEM("CERTIFICATE", newCertificate(t, "one", false).Raw) + EncodePEM("CERTIFICATE", newCertificate(t, "two", false).Raw)
	if _, err := ReadCertificate(writeFile(t, pair)); err == nil || !strings.Contains(err.Error(), "has 2 certificates") {
		t.Error(err)
	}
}
