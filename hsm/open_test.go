//go:build cgo

package hsm_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha512"
	"testing"

	"go.uber.org/goleak"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// pins answers with the PIN and counts how often it was asked.
type pins struct {
	pin      string
	requests []hardware.PINRequest
	returned [][]byte
}

func (p *pins) ask(_ context.Context, request hardware.PINRequest) (hardware.PIN, error) {
	p.requests = append(p.requests, request)
	pin := []byte(p.pin)
	p.returned = append(p.returned, pin)
	return hardware.PIN{Value: pin}, nil
}

// waitForModule lets the test end only when no goroutine is left in a module: the
// next test could not start it. It is called when the token is there, so that the
// token outlives the wait.
func waitForModule(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// message is as long as a login, and is not one.
var message = []byte("a hundred bytes that look like a login, and are not one")

// mustSign opens the key, has it sign and checks the signature with Go's own RSA.
func mustSign(t *testing.T, address uri.URI, options hsm.Options, want *rsa.PublicKey) *hsm.Key {
	t.Helper()
	key, err := hsm.Open(t.Context(), address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { key.Close() })
	signature, err := key.SignSHA512(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha512.Sum512(message)
	if err := rsa.VerifyPKCS1v15(want, crypto.SHA512, digest[:], signature); err != nil {
		t.Errorf("the signature does not verify: %v", err)
	}
	return key
}

func TestOpenAndSign(t *testing.T) {
	token := hsmtest.NewToken(t)
	a := hsmtest.RSAKey(t, "a")
	token.Put(t, hsmtest.Named("login", 7).Pair(a, hsmtest.Certify(t, a))...)
	pin := &pins{pin: token.PIN}
	mustSign(t, token.Address(t, ";object=login"), hsm.Options{PIN: pin.ask}, &a.PublicKey)
}
