//go:build cgo

package hsm_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// wantError checks an error's sentinel and text, and that it is written as house
// style has it.
func wantError(t *testing.T, name string, err, want error, text string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", name)
		return
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("%s: error %q, want %q", name, err, want)
	}
	if !bytes.Contains([]byte(err.Error()), []byte(text)) {
		t.Errorf("%s: error %q does not say %q", name, err, text)
	}
}

// objects counts what is on a token: private keys, public keys, certificates, and secret
// keys, of which none may be left.
func objects(t *testing.T, token *hsmtest.Token) (counts [4]int) {
	t.Helper()
	for i, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY, pkcs11.CKO_CERTIFICATE, pkcs11.CKO_SECRET_KEY} {
		counts[i] = token.Count(t, class)
	}
	return counts
}

// wantObjects checks what is on a token.
func wantObjects(t *testing.T, token *hsmtest.Token, want [4]int) {
	t.Helper()
	if got := objects(t, token); got != want {
		t.Errorf("private keys, public keys, certificates, secret keys: %v, want %v", got, want)
	}
}

func mustParse(t *testing.T, text string) uri.URI {
	t.Helper()
	address, err := uri.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
