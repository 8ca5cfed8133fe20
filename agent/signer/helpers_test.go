package signer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// softKey is a key in memory, with a certificate that it signed itself.
type softKey struct {
	private *rsa.PrivateKey
	cert    *x509.Certificate
}

func (k *softKey) Certificate() *x509.Certificate { return k.cert }

func (k *softKey) SignSHA512(ctx context.Context, message []byte) ([]byte, error) {
	digest := sha512.Sum512(message)
	return rsa.SignPKCS1v15(nil, k.private, crypto.SHA512, digest[:])
}

// theKey makes the key of all tests; making one takes long.
var theKey = sync.OnceValues(func() (*softKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return certify(private, &private.PublicKey)
})

// certify returns the key with a certificate for a public key.
func certify(private *rsa.PrivateKey, public crypto.PublicKey) (*softKey, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), EmailAddresses: []string{"robot@example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &softKey{private, cert}, err
}

func testKey(t testing.TB) *softKey {
	t.Helper()
	key, err := theKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testLogin(t testing.TB, format agent.Format) *agent.Login {
	t.Helper()
	login, err := agent.SignLogin(t.Context(), testKey(t), format, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return login
}
