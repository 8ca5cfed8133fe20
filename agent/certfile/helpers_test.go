package certfile_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// password is that of the files in testdata.
const password = "correct horse"

// fixture returns a file of testdata.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// derOf returns what is in the first block of a PEM file of testdata.
func derOf(t testing.TB, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(fixture(t, name))
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	return block.Bytes
}

func encode(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// rsaKey returns the key of a PKCS#1 file of testdata.
func rsaKey(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS1PrivateKey(derOf(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// identity is somebody who can issue certificates.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// certify returns a certificate for a key, from an issuer; one that signs itself if that is nil.
func certify(t testing.TB, issuer *identity, key crypto.Signer, name string, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	by := identity{template, key}
	if issuer != nil {
		by = *issuer
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

// names returns the common names of certificates.
func names(certs []*x509.Certificate) []string {
	var all []string
	for _, cert := range certs {
		all = append(all, cert.Subject.CommonName)
	}
	return all
}
