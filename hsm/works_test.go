//go:build cgo

package hsm

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
)

// enterTest visits a token to write on it.
func enterTest(t *testing.T, held *hsmtest.Token) *keyring {
	t.Helper()
	ask := func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
		return hardware.PIN{Value: []byte(held.PIN)}, nil
	}
	v, err := enter(t.Context(), token.openToWrite, held.Address(t), Options{PIN: ask}, &progress.Progress{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.user.leave)
	return v
}

// TestTakeBack: what cannot be taken back is said, with its address.
func TestTakeBack(t *testing.T) {
	token := hsmtest.NewToken(t)
	v := enterTest(t, token)
	w := &works{user: v.user}
	n := newKey{template.Key{Label: "made", ID: []byte{1}}}
	key, err := hardware.Importable(hsmtest.RSAKey(t, "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := w.add(t.Context(), "storing", importedKey{newKey: n, private: key}.PublicObject(&key.PublicKey)); err != nil {
			t.Fatal(err)
		}
	}
	v.DestroyObject(v.handle, w.handles[1])
	v.CloseSession(v.handle)
	cause := errors.New("no signature")
	err = w.takeBack(cause, (&keyObject{label: "made"}).address(v.address))
	if !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), "no signature; and what was made until then is still there: delete pkcs11:token=test;") ||
		!strings.Contains(err.Error(), "object=made?") || !strings.Contains(err.Error(), "(CKR_SESSION_HANDLE_INVALID)") {
		t.Errorf("error %v", err)
	}
}

// TestGuard: a private key that the token has made readable all the same is shut.
func TestGuard(t *testing.T) {
	token := hsmtest.NewToken(t)
	token.Put(t, hsmtest.Named("open", 1).Private(hsmtest.RSAKey(t, "a")).
		With(pkcs11.CKA_SENSITIVE, false).With(pkcs11.CKA_EXTRACTABLE, true).With(pkcs11.CKA_DECRYPT, true))
	v := enterTest(t, token)
	handles, err := v.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))
	if err != nil || len(handles) != 1 {
		t.Fatalf("%v, %v", handles, err)
	}
	values, err := importedKey{}.guard(v.session, handles[0])
	if err != nil || !values.Flag(pkcs11.CKA_SENSITIVE, false) || values.Flag(pkcs11.CKA_EXTRACTABLE, true) || values.Flag(pkcs11.CKA_DECRYPT, true) {
		t.Errorf("attributes %v, %v", values, err)
	}
}

// TestKeptKeysOnly: a token that would not keep the key to itself is refused.
func TestKeptKeysOnly(t *testing.T) {
	token := hsmtest.NewToken(t)
	// Not modifiable, so it stays as it is.
	object := hsmtest.Named("open", 1).Private(hsmtest.RSAKey(t, "a")).With(pkcs11.CKA_MODIFIABLE, false)
	token.Put(t,
		object.With(pkcs11.CKA_SENSITIVE, false).With(pkcs11.CKA_EXTRACTABLE, true).With(pkcs11.CKA_ID, []byte{1}),
		object.With(pkcs11.CKA_SENSITIVE, true).With(pkcs11.CKA_EXTRACTABLE, true).With(pkcs11.CKA_ID, []byte{2}))
	v := enterTest(t, token)
	for id, want := range map[byte]string{1: "gives this one out", 2: "would let this one be extracted"} {
		handles, err := v.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{id}))
		if err != nil || len(handles) != 1 {
			t.Fatalf("%v, %v", handles, err)
		}
		if _, err := (importedKey{}).readBack(v.user, handles[0]); !errors.Is(err, ErrNoImport) || !strings.Contains(err.Error(), want) {
			t.Errorf("key %d: %v, want %q", id, err, want)
		}
	}
}

// TestProve: a token that tells of another key than was put on it is not believed.
func TestProve(t *testing.T) {
	token := hsmtest.NewToken(t)
	token.Put(t, hsmtest.Named("other", 1).Private(hsmtest.RSAKey(t, "b")))
	v := enterTest(t, token)
	k, err := v.key(t.Context(), token.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	err = importedKey{private: hsmtest.RSAKey(t, "a")}.prove(t.Context(), v.user, k)
	if err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("error %v", err)
	}
}

func TestWipe(t *testing.T) {
	key, err := hardware.Importable(hsmtest.RSAKey(t, "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	numbers := template.PrivateNumbers(key)
	if len(numbers) != 8 {
		t.Errorf("%d numbers", len(numbers))
	}
	template.Wipe(numbers)
	for _, n := range numbers {
		if len(n.Value) == 0 || strings.Trim(string(n.Value), "\x00") != "" {
			t.Errorf("number 0x%x is still there, or never was", n.Type)
		}
	}
	if key.D.Sign() == 0 {
		t.Error("the key itself was overwritten")
	}
}
