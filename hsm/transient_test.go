//go:build cgo

package hsm

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

func TestInWords(t *testing.T) {
	for _, c := range []struct {
		err       error
		want      string
		transient bool
	}{
		{pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED), "doing: the token was removed (CKR_DEVICE_REMOVED)", true},
		{pkcs11.Error(pkcs11.CKR_PIN_LOCKED), "doing: the PIN is locked (CKR_PIN_LOCKED)", false},
		{pkcs11.Error(pkcs11.CKR_FUNCTION_CANCELED), "doing: it was cancelled at the token (CKR_FUNCTION_CANCELED)", false},
		{pkcs11.Error(pkcs11.CKR_CANCEL), "doing: it was cancelled at the token (CKR_CANCEL)", false},
		{pkcs11.Error(pkcs11.CKR_KEY_UNEXTRACTABLE), "doing: the module returned an error (CKR_KEY_UNEXTRACTABLE)", true},
		{pkcs11.Error(0x80000001), "doing: the module returned an error of its maker's own (0x80000001)", true},
		{pkcs11.Error(0x4711), "doing: the module returned an error (0x4711)", true},
		{fmt.Errorf("wrapped: %w", pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)), "doing: the token does not know the mechanism (CKR_MECHANISM_INVALID)", false},
		{errors.New("something else"), "doing: something else", false},
	} {
		got := rv.InWords("doing", c.err)
		if got.Error() != c.want || Transient(got) != c.transient {
			t.Errorf("%v is %q, transient %v; want %q, %v", c.err, got, Transient(got), c.want, c.transient)
		}
	}
	if err := rv.InWords("doing", nil); err != nil {
		t.Errorf("nil becomes %v", err)
	}
}

func TestTransient(t *testing.T) {
	silence := &progress.SilenceError{Module: "m", Doing: "signing", Cause: context.DeadlineExceeded}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{fmt.Errorf("x: %w", ErrNoToken), true},
		{fmt.Errorf("x: %w", silence), true},
		{&progress.SilenceError{Cause: context.Canceled}, false},
		{fmt.Errorf("x: %w", &hardware.PINError{}), false},
		{&hardware.AmbiguousError{}, false},
		{hardware.ErrNoCgo, false},
		{hardware.ErrBadSignature, false},
		{hardware.ErrNoKey, false},
		{hardware.ErrPINNeeded, false},
	} {
		if got := Transient(c.err); got != c.want {
			t.Errorf("Transient(%v) = %v", c.err, got)
		}
	}
}

// TestDigestInfo compares with the prefix of RFC 8017 section 9.2, note 1.
func TestDigestInfo(t *testing.T) {
	got, err := digestInfo(crypto.SHA256, []byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("abc"))
	if want := "3031300d060960864801650304020105000420" + hex.EncodeToString(digest[:]); hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}

func TestCrypto11WithoutModule(t *testing.T) {
	slot := 0
	var sent error
	pin := hardware.PIN{Value: []byte("1234"), Guard: func(_ hardware.Secret, send func() error) error {
		sent = send()
		return sent
	}}
	_, err := writer{&login{session: &session{}}, "writing"}.configure(&crypto11.Config{Path: "/no/such/module", SlotNumber: &slot}, pin)
	if err == nil || !strings.Contains(err.Error(), "module") {
		t.Errorf("missing module: %v", err)
	}
	if !errors.Is(sent, hardware.ErrPINNotSent) {
		t.Errorf("the guard is told %v, want that the PIN was not sent", sent)
	}
}

// FuzzKeyAttributes feeds what a token may return for a key to all that reads it.
func FuzzKeyAttributes(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0}, []byte{0xff}, []byte{1, 0, 1}, []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}, []byte{1})
	f.Add([]byte{3, 0, 0, 0}, []byte{}, []byte{}, []byte("\x13\x0cedwards25519"), []byte{})
	f.Add([]byte{}, []byte{1}, []byte{1, 0, 0, 0, 0}, []byte{0x30, 0x80}, []byte{2, 3})
	f.Fuzz(func(t *testing.T, kind, modulus, exponent, curve, flag []byte) {
		values := attribute.Values{
			pkcs11.CKA_KEY_TYPE: kind, pkcs11.CKA_MODULUS: modulus, pkcs11.CKA_PUBLIC_EXPONENT: exponent,
			pkcs11.CKA_EC_PARAMS: curve, pkcs11.CKA_SIGN: flag,
		}
		k := listedKey{keyFrom(1, values), values, false}
		if k.describe() == "" {
			t.Error("a key without a type")
		}
		if k.public != nil && (k.public.E <= 0 || k.public.N.Sign() < 0) {
			t.Errorf("public key %v", k.public)
		}
		k.unusable()
		k.address(uri.URI{})
	})
}
