package hsmtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

//go:embed keys/*.pem
var keys embed.FS

// Keys are read and not made, because making them would take most of the tests'
// time; certificates are made, since they must be valid when the test runs.

// RSAKey returns a 2048-bit key by name: "a", "b" or "c".
func RSAKey(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	return readKey(t, "keys/rsa2048-"+name+".pem")
}

// ShortRSAKey returns a 1024-bit key.
func ShortRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	return readKey(t, "keys/rsa1024.pem")
}

// readKey reads a key of the files that the package carries.
func readKey(t testing.TB, path string) *rsa.PrivateKey {
	t.Helper()
	text, err := keys.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Certify returns a self-signed certificate of the key that is valid now, after
// edit has changed the template.
func Certify(t testing.TB, key crypto.Signer, edit ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	return Issue(t, key.Public(), key, nil, edit...)
}

// Issue returns a certificate of public that issuer's key has signed; issuer nil
// makes it self-signed.
func Issue(t testing.TB, public crypto.PublicKey, signer crypto.Signer, issuer *x509.Certificate, edit ...func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	// At random, since tokens may refuse a second certificate of one issuer and serial
	// number, and many tests put several of one name beside each other.
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	// A certificate as it should be for a login of a person or a service, so that
	// tools which check it find nothing: an address, digitalSignature, clientAuth.
	template := &x509.Certificate{
		SerialNumber:   serial,
		Subject:        pkix.Name{CommonName: "integration@example.com"},
		EmailAddresses: []string{"integration@example.com"},
		// An hour of room for clocks that are set while the test runs.
		NotBefore:   time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(365 * 24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, e := range edit {
		e(template)
	}
	// The template itself, which is how crypto/x509 is told to sign with its own name.
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	// Parsed and not assembled, so that Raw and all that is read from it are there.
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// Valid returns an edit for Certify that sets the time of a certificate, in days
// from now.
func Valid(fromDay, toDay int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.NotBefore = time.Now().AddDate(0, 0, fromDay)
		c.NotAfter = time.Now().AddDate(0, 0, toDay)
	}
}

// Subject returns an edit for Certify that sets the common name.
func Subject(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.CommonName = name }
}
