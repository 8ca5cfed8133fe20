package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newCertificate makes a self-signed certificate; a CA's if it says so.
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

func TestReadLeaf(t *testing.T) {
	leaf, ca := newCertificate(t, "leaf", false), newCertificate(t, "ca", true)
	leafPEM, caPEM := encodePEM("CERTIFICATE", leaf.Raw), encodePEM("CERTIFICATE", ca.Raw)
	for name, text := range map[string]string{
		"PEM": leafPEM, "DER": string(leaf.Raw), "leaf first": leafPEM + caPEM, "leaf last": caPEM + leafPEM,
		"text around": "Bag Attributes\r\n" + strings.ReplaceAll(leafPEM, "\n", "\r\n") + "bye",
	} {
		cert, err := readLeaf(writeFile(t, text))
		if err != nil || !cert.Equal(leaf) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"two leaves":  {leafPEM + leafPEM, "holds 2 certificates that are no CA's"},
		"nothing":     {"hello", "neither a PEM nor a DER certificate"},
		"a key":       {encodePEM("PRIVATE KEY", []byte{1}), "holds a PRIVATE KEY, and no certificate"},
		"a torn file": {encodePEM("CERTIFICATE", leaf.Raw[:100]), "malformed certificate"},
	} {
		if _, err := readLeaf(writeFile(t, test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestReadCertificateWantsOne(t *testing.T) {
	cert := encodePEM("CERTIFICATE", newCertificate(t, "leaf", false).Raw)
	if _, err := readCertificate(writeFile(t, cert+cert)); err == nil || !strings.Contains(err.Error(), "holds 2 certificates") {
		t.Error(err)
	}
}
