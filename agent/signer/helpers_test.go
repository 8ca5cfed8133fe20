package signer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"math/big"
	"sync"
	"sync/atomic"
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

// hangs is after what time a test hangs. Only one that fails waits for so long.
const hangs = 2 * time.Minute

// errHangs is why the context of a test ends by itself.
var errHangs = errors.New("the test hangs")

// hung is set once a test hangs. Others would too, and all together for minutes.
var hung atomic.Bool

// limited returns a context for what takes a moment and, where the code is wrong, might never end.
func limited(t testing.TB) context.Context {
	t.Helper()
	if hung.Load() {
		t.Fatal("another test hangs")
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), hangs, errHangs)
	context.AfterFunc(ctx, func() {
		if context.Cause(ctx) == errHangs {
			hung.Store(true)
		}
	})
	t.Cleanup(cancel)
	return ctx
}
