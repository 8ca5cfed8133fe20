// Package roomtest makes what the tests of several rooms need: files, addresses, certificates, a
// systemd that listens.
//
// Only tests use it.
package roomtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// File returns the path of a new file with that text.
func File(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Address reads an address that is right.
func Address(t testing.TB, text string) config.Address {
	t.Helper()
	address, err := config.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Certificate makes a self-signed certificate; a CA's if it says so.
func Certificate(t testing.TB, name string, isCA bool) *x509.Certificate {
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
