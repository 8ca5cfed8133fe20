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

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
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
			wantError(t, "other", err, hardware.ErrNoKey, "there are:\n  pkcs11:token=test;object=")
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
	if text := tokens[0].Address.String(); !strings.Contains(text, "token=padded?") {
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
		"even modulus":       {one.Private(a).With(pkcs11.CKA_MODULUS, even), hardware.ErrCertificateMismatch},
		"exponent of one":    {one.Private(a).With(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1}), hardware.ErrCertificateMismatch},
		"exponent too large": {one.Private(a).With(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 0, 0, 1}), hardware.ErrCertificateMismatch},
		"modulus of zeros":   {one.Private(a).With(pkcs11.CKA_MODULUS, make([]byte, 256)), hardware.ErrUnusableKey},
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
	wantError(t, "empty slot", err, hsm.ErrNoToken, "\n  pkcs11:token=test?module-path=")
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
	ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err)
	if !ok || len(ambiguous.Candidates) != keys || len(ambiguous.Notes) != shown {
		t.Fatalf("error %v, want an AmbiguousError of %d keys with %d notes", err, keys, shown)
	}
	// Two calls a key to read it, and the notes.
	if got := counts()["all"]; got > 2*keys+shown*perKey {
		t.Errorf("%d calls", got)
	}
}

// TestHiddenModulus: a token that does not tell the modulus of its private keys is
// asked for a signature, and the certificate says the rest.
func TestHiddenModulus(t *testing.T) {
	m, library := newMaterial(t), hsmtest.BuildShim(t)
	one, two := hsmtest.Named("login", 1), hsmtest.Named("login", 2)
	ec := hsmtest.Issue(t, m.ec.Public(), m.a, nil)
	for _, l := range []layout{
		{name: "certificate of another type", objects: []hsmtest.Object{one.Private(m.a), one.Certificate(ec), one.Certificate(m.certA)},
			want: m.certA, passed: []string{"it is for an elliptic curve key (P-256)"}},
		{name: "certificate given, two keys", objects: []hsmtest.Object{one.Private(m.a), two.Private(m.b)}, given: m.certB, want: m.certB},
		{name: "two keys", objects: append(one.Pair(m.a, m.certA), two.Pair(m.b, m.certB)...), err: &hardware.AmbiguousError{},
			says: []string{"2 keys", "(the token does not tell its public key)"}},
		{name: "short key", objects: one.Pair(m.short, hsmtest.Certify(t, m.short)), err: hardware.ErrUnusableKey, says: []string{"RSA 1024"}},
		{name: "certificate of another key", objects: one.Pair(m.a, m.certB), err: hardware.ErrCertificateMismatch},
	} {
		t.Run(l.name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			token.Put(t, l.objects...)
			l.ask = ";object=login"
			l.check(t, token.Behind(t, library, "hidemodulus").Token)
		})
	}
}

// TestManyKeysListed: a list of a thousand keys names each, and gives none the
// certificate of another.
func TestManyKeysListed(t *testing.T) {
	const others = 1000
	token := hsmtest.NewToken(t)
	token.Put(t, hsmtest.Named("other", 1).Private(hsmtest.RSAKey(t, "b")))
	token.Multiply(t, others)
	a := hsmtest.RSAKey(t, "a")
	token.Put(t, hsmtest.Named("login", 7).Pair(a, hsmtest.Certify(t, a))...)
	tokens, err := hsm.List(t.Context(), token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	if err != nil || len(tokens) != 1 || tokens[0].Err != nil || len(tokens[0].Keys) != others+1 {
		t.Fatalf("%d tokens, %v; want one with %d keys", len(tokens), err, others+1)
	}
	for _, k := range tokens[0].Keys {
		if login := k.Label == "login"; login != (k.Certificate != nil) || login != (k.Problem == nil) {
			t.Errorf("key %s: certificate %v, problem %v", k.Address, k.Certificate, k.Problem)
		}
	}
}

// TestModuleByName opens a key whose module is named and not given by its path.
func TestModuleByName(t *testing.T) {
	token := newLogin(t)
	address := token.Address(t).Without("module-path").With("module-name", "softhsm2")
	key := mustSign(t, address, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey)
	if name, _ := key.Address().Get("module-name"); name != "softhsm2" {
		t.Errorf("its address is %s, and names the module otherwise", key.Address())
	}
}
