//go:build cgo && unix

package hsm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestHostileLabels: a label is any bytes at all. Whatever they are, the key is found,
// and the address of the key is plain text that leads to it.
func TestHostileLabels(t *testing.T) {
	a := hsmtest.RSAKey(t, "a")
	certificate := hsmtest.Certify(t, a)
	for name, label := range map[string]string{
		"zeros":       "login\x00\x00",
		"escapes":     "\x1b[2J\r\nlogin\a",
		"not UTF-8":   "login\xff\xfe",
		"separators":  "a;b=c?d&e%20f",
		"bidi":        "\u202elogin",
		"very long":   strings.Repeat("x", 2000),
		"only a zero": "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			token.Put(t, hsmtest.Named(label, 1).Pair(a, certificate)...)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			key := mustSign(t, token.Address(t).With("object", label), options, &a.PublicKey)
			address := key.Address().String()
			key.Close()
			if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("the address %q is not plain text", address)
			}
			mustSign(t, mustParse(t, address), options, &a.PublicKey).Close()
			_, err := hsm.Open(t.Context(), token.Address(t, ";object=other"), options)
			wantError(t, "other", err, hsm.ErrNoKey, ";id=%01")
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) || r == utf8.RuneError }) {
				t.Errorf("the error %q is not plain text", err)
			}
		})
	}
}

// TestZerosAfterTheLabel: some modules pad with zeros where the standard has blanks.
func TestZerosAfterTheLabel(t *testing.T) {
	token := hsmtest.NewToken(t)
	padded := hsmtest.InitToken(t, token.Module, "padded"+strings.Repeat("\x00", 26))
	tokens, err := hsm.List(t.Context(), token.Address(t).With("token", "padded"), hsm.Options{})
	if err != nil || len(tokens) != 1 || tokens[0].Label != "padded" || tokens[0].Serial != padded.Serial {
		t.Fatalf("%+v, %v; want the token %q", tokens, err, "padded")
	}
	if text := tokens[0].Address.String(); !strings.Contains(text, "token=padded;") {
		t.Errorf("its address is %s", text)
	}
}

// TestOddNumbers: a key whose numbers cannot be is not the key of a certificate, and
// no reason to panic.
func TestOddNumbers(t *testing.T) {
	a := hsmtest.RSAKey(t, "a")
	certificate := hsmtest.Certify(t, a)
	one := hsmtest.Named("login", 1)
	even := append([]byte{}, a.N.Bytes()...)
	even[len(even)-1] = 0
	for name, c := range map[string]struct {
		key  hsmtest.Object
		want error
	}{
		"even modulus":       {one.Private(a).With(pkcs11.CKA_MODULUS, even), hsm.ErrCertificateMismatch},
		"exponent of one":    {one.Private(a).With(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1}), hsm.ErrCertificateMismatch},
		"exponent too large": {one.Private(a).With(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 0, 0, 1}), hsm.ErrCertificateMismatch},
		"modulus of zeros":   {one.Private(a).With(pkcs11.CKA_MODULUS, make([]byte, 256)), hsm.ErrUnusableKey},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			token.Put(t, c.key, one.Certificate(certificate))
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			_, err := hsm.Open(t.Context(), token.Address(t), options)
			wantError(t, "Open", err, c.want, "object=login")
			if _, err := hsm.CertificateRequest(t.Context(), token.Address(t), options, request); err == nil {
				t.Error("there is a request for a key that cannot be")
			}
			tokens, err := hsm.List(t.Context(), token.Address(t), options)
			if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 {
				t.Errorf("List = %+v, %v", tokens, err)
			}
		})
	}
}

// TestSlotID opens a token by nothing but the number of its slot.
func TestSlotID(t *testing.T) {
	token := newLogin(t)
	hsmtest.InitToken(t, token.Module, "second")
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
	bySlot := token.Address(t).Without("token").With("slot-id", fmt.Sprint(token.Slot))
	mustSign(t, bySlot, options, &hsmtest.RSAKey(t, "a").PublicKey).Close()
	_, err := hsm.Open(t.Context(), bySlot.With("slot-id", "4711"), options)
	wantError(t, "empty slot", err, hsm.ErrNoToken, "token=test;serial="+token.Serial)
}

// TestManyCandidates: an address that fits hundreds of keys is refused at once. Each
// key without a certificate costs a look at all certificates, so only those that the
// error shows get one.
func TestManyCandidates(t *testing.T) {
	const keys, shown, perKey = 200, 20, 30
	token := hsmtest.NewToken(t)
	token.Put(t, hsmtest.Named("login", 1).Private(hsmtest.RSAKey(t, "a")))
	token.Multiply(t, keys)
	spied, counts := spy(t, token)
	_, err := hsm.Open(t.Context(), spied.Address(t, ";object=login"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	ambiguous, ok := errors.AsType[*hsm.AmbiguousError](err)
	if !ok || len(ambiguous.Candidates) != keys || len(ambiguous.Notes) != shown {
		t.Fatalf("error %v, want an AmbiguousError of %d keys with %d notes", err, keys, shown)
	}
	// Two calls a key to read it, and the notes.
	if got := counts()["all"]; got > 2*keys+shown*perKey {
		t.Errorf("%d calls", got)
	}
}
