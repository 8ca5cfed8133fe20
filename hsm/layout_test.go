//go:build cgo

package hsm_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// material is the keys and certificates of which the layouts are made.
type material struct {
	a, b                           *rsa.PrivateKey
	certA, certB, expired, pending *x509.Certificate
	chain                          []*x509.Certificate // a leaf of a, and its CA
	short                          *rsa.PrivateKey
	ec                             *ecdsa.PrivateKey
	ed                             ed25519.PrivateKey
}

func newMaterial(t *testing.T) *material {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &material{a: hsmtest.RSAKey(t, "a"), b: hsmtest.RSAKey(t, "b"), short: hsmtest.ShortRSAKey(t), ec: ec, ed: ed}
	m.certA, m.certB = hsmtest.Certify(t, m.a), hsmtest.Certify(t, m.b, hsmtest.Subject("somebody else"))
	m.expired = hsmtest.Certify(t, m.a, hsmtest.Valid(-20, -10))
	m.pending = hsmtest.Certify(t, m.a, hsmtest.Valid(10, 1000))
	authority := hsmtest.RSAKey(t, "c")
	ca := hsmtest.Certify(t, authority, hsmtest.Subject("CA"), hsmtest.Valid(-10, 3000), func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid = true, true
	})
	m.chain = []*x509.Certificate{hsmtest.Issue(t, m.a.Public(), authority, ca), ca}
	return m
}

// layout is what is on a token, and what must come of it.
type layout struct {
	name    string
	objects []hsmtest.Object
	ask     string            // of the address
	given   *x509.Certificate // in Options
	want    *x509.Certificate // that signs; nil: an error
	passed  []string          // notes on the certificates that do not
	others  int               // keys of the same name that are not used
	err     error             // sentinel
	says    []string          // in the error's text
}

func layouts(t *testing.T) []layout {
	m := newMaterial(t)
	one, two := hsmtest.Named("login", 1), hsmtest.Named("other", 2)
	bare := hsmtest.Named("")
	signless := one.Private(m.a).With(pkcs11.CKA_SIGN, false)
	return []layout{
		{name: "key, public key and certificate with one id", objects: one.Pair(m.a, m.certA), ask: ";object=login", want: m.certA},
		{name: "asked by id", objects: one.Pair(m.a, m.certA), ask: ";id=%01", want: m.certA},
		{name: "asked by the token alone", objects: one.Pair(m.a, m.certA), want: m.certA},
		{name: "asked by the certificate's type", objects: one.Pair(m.a, m.certA), ask: ";object=login;type=cert", want: m.certA},
		{name: "no public key", objects: []hsmtest.Object{one.Private(m.a), one.Certificate(m.certA)}, ask: ";object=login", want: m.certA},
		{name: "no id", objects: hsmtest.Named("login").Pair(m.a, m.certA), ask: ";object=login", want: m.certA},
		{name: "certificate with another id", objects: []hsmtest.Object{one.Private(m.a), two.Certificate(m.certA)}, ask: ";object=login", want: m.certA},
		{name: "certificate with another label", objects: []hsmtest.Object{one.Private(m.a), hsmtest.Named("Certificate", 1).Certificate(m.certA)}, ask: ";object=login", want: m.certA},
		{name: "label on the certificate only", objects: []hsmtest.Object{hsmtest.Named("", 1).Private(m.a), one.Certificate(m.certA), two.Private(m.b)}, ask: ";object=login", want: m.certA},
		{name: "label on two certificates only", ask: ";object=login", want: m.certA,
			objects: []hsmtest.Object{hsmtest.Named("", 1).Private(m.a), one.Certificate(m.certA), one.Certificate(m.expired)},
			passed:  []string{"expired " + m.expired.NotAfter.UTC().Format("2006-01-02")}},
		{name: "public key of another key", objects: []hsmtest.Object{one.Private(m.a), one.Public(&m.b.PublicKey), one.Certificate(m.certA)}, ask: ";object=login", want: m.certA},
		{name: "certificate given", objects: []hsmtest.Object{one.Private(m.a)}, ask: ";object=login", given: m.certA, want: m.certA},
		{name: "certificate given over one on the token", objects: one.Pair(m.a, m.expired), ask: ";object=login", given: m.certA, want: m.certA},
		{name: "second key with neither id nor label", objects: append(one.Pair(m.a, m.certA), bare.Private(m.b)), ask: ";object=login", want: m.certA},
		{name: "renewed certificate under the old id", objects: append(one.Pair(m.a, m.expired), one.Certificate(m.certA)), ask: ";object=login", want: m.certA,
			passed: []string{"expired " + m.expired.NotAfter.UTC().Format("2006-01-02")}},
		{name: "two valid certificates", objects: append(one.Pair(m.a, m.certA), one.Certificate(hsmtest.Certify(t, m.a, hsmtest.Valid(-5, 5)))), ask: ";object=login", want: m.certA,
			passed: []string{"another certificate ends later"}},
		{name: "next certificate waits", objects: append(one.Pair(m.a, m.certA), one.Certificate(m.pending)), ask: ";object=login", want: m.certA,
			passed: []string{"not valid before " + m.pending.NotBefore.UTC().Format("2006-01-02")}},
		{name: "leaf and CA", objects: append(one.Pair(m.a, m.chain[0]), hsmtest.Named("login", 1).Certificate(m.chain[1])), ask: ";object=login", want: m.chain[0],
			passed: []string{"it is for another key"}},
		{name: "something else under the id", objects: append(one.Pair(m.a, m.certA), one.Certificate(m.certB).With(pkcs11.CKA_VALUE, []byte("no certificate"))), ask: ";object=login", want: m.certA,
			passed: []string{"it is not an X.509 certificate that can be read: it is not built like a certificate"}},
		{name: "two keys and two certificates with one id", ask: ";object=login;id=%01", want: m.certA,
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("other", 1).Pair(m.b, m.certB)...),
			passed:  []string{"it is for another key"}},
		{name: "EC and Ed25519 keys beside", ask: ";object=login", want: m.certA,
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("login", 2).Private(m.ec), hsmtest.Named("login", 3).Private(m.ed))},
		{name: "one certificate given, two keys of the label", ask: ";object=login", given: m.certA, want: m.certA,
			objects: []hsmtest.Object{one.Private(m.a), hsmtest.Named("login", 2).Private(m.b)}},

		{name: "somebody else's key with the label", ask: ";object=login", want: m.certA, others: 1,
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("login", 2).Private(m.b))},
		{name: "somebody else's key with the label, first", ask: ";object=login", want: m.certA, others: 1,
			objects: append([]hsmtest.Object{hsmtest.Named("login", 2).Private(m.b)}, one.Pair(m.a, m.certA)...)},
		{name: "somebody else's key with the label and a certificate, by id", ask: ";object=login;id=%01", want: m.certA,
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("login", 2).Pair(m.b, m.certB)...)},
		{name: "somebody else's key with the label and a certificate", ask: ";object=login", err: &hardware.AmbiguousError{},
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("login", 2).Pair(m.b, m.certB)...),
			says:    []string{"2 keys", "test;id=%01?", "test;id=%02?", "(certificate of "}},
		{name: "somebody else's valid certificate does not stand in for one that has ended", ask: ";object=login", err: &hardware.AmbiguousError{},
			objects: append(one.Pair(m.a, m.expired), hsmtest.Named("login", 2).Pair(m.b, m.certB)...),
			says:    []string{"2 keys", "the certificate has expired"}},
		{name: "two keys of the label, neither with a certificate", ask: ";object=login", err: &hardware.AmbiguousError{},
			objects: []hsmtest.Object{one.Private(m.a), hsmtest.Named("login", 2).Private(m.b)},
			says:    []string{"2 keys", "(no certificate)"}},
		{name: "two keys and two certificates that the address does not tell apart", ask: ";id=%01", err: &hardware.AmbiguousError{},
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("other", 1).Pair(m.b, m.certB)...),
			says:    []string{"object=login?", "object=other?"}},
		{name: "no key of that label", objects: two.Pair(m.b, m.certB), ask: ";object=login", err: hardware.ErrNoKey, says: []string{"there are:", "object=other?", "(RSA)"}},
		{name: "label on a certificate that leads to no key", ask: ";object=login", err: hardware.ErrNoKey, says: []string{"there are:", "id=%01?"},
			objects: []hsmtest.Object{hsmtest.Named("", 1).Private(m.a), hsmtest.Named("login").Certificate(m.certA), two.Certificate(m.certB)}},
		{name: "no key at all", objects: []hsmtest.Object{one.Certificate(m.certA)}, ask: ";object=login", err: hardware.ErrNoKey, says: []string{"holds no private key"}},
		{name: "EC key", objects: []hsmtest.Object{one.Private(m.ec)}, ask: ";object=login", err: hardware.ErrUnusableKey, says: []string{"it is EC"}},
		{name: "Ed25519 key", objects: []hsmtest.Object{one.Private(m.ed)}, ask: ";object=login", err: hardware.ErrUnusableKey, says: []string{"Ed25519"}},
		{name: "RSA 1024", objects: one.Pair(m.short, hsmtest.Certify(t, m.short)), ask: ";object=login", err: hardware.ErrUnusableKey, says: []string{"RSA 1024"}},
		{name: "key that may not sign", objects: []hsmtest.Object{signless, one.Certificate(m.certA)}, ask: ";object=login", err: hardware.ErrUnusableKey, says: []string{"CKA_SIGN"}},
		{name: "no certificate", objects: []hsmtest.Object{one.Private(m.a)}, ask: ";object=login", err: hardware.ErrNoCertificate, says: []string{"object=login"}},
		{name: "certificate that cannot be read", objects: []hsmtest.Object{one.Private(m.a), one.Certificate(m.certB).With(pkcs11.CKA_VALUE, []byte("no certificate"))}, ask: ";object=login",
			err: hardware.ErrNoCertificate, says: []string{"under the key's id there is something else"}},
		{name: "certificate expired", objects: one.Pair(m.a, m.expired), ask: ";object=login", err: hardware.ErrCertificateExpired, says: []string{m.expired.NotAfter.UTC().Format("2006-01-02")}},
		{name: "certificate not valid yet", objects: append(one.Pair(m.a, m.pending), one.Certificate(m.expired)), ask: ";object=login", err: hardware.ErrCertificateNotYetValid, says: []string{m.pending.NotBefore.UTC().Format("2006-01-02")}},
		{name: "certificate of another key", objects: one.Pair(m.a, m.certB), ask: ";object=login", err: hardware.ErrCertificateMismatch, says: []string{"somebody else"}},
		{name: "certificate given of another key", objects: one.Pair(m.a, m.certA), ask: ";object=login", given: m.certB, err: hardware.ErrCertificateMismatch, says: []string{"somebody else"}},
		{name: "certificate given expired", objects: one.Pair(m.a, m.certA), ask: ";object=login", given: m.expired, err: hardware.ErrCertificateExpired},
	}
}

func TestLayouts(t *testing.T) {
	for _, l := range layouts(t) {
		t.Run(l.name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			token.Put(t, l.objects...)
			l.check(t, token)
		})
	}
}

// check opens the key that the layout asks for, and signs or fails as it says.
func (l layout) check(t *testing.T, token *hsmtest.Token) {
	t.Helper()
	options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask, Certificate: l.given}
	if l.want == nil {
		key, err := hsm.Open(t.Context(), token.Address(t, l.ask), options)
		if err == nil {
			key.Close()
		}
		l.wantError(t, err)
		return
	}
	key := mustSign(t, token.Address(t, l.ask), options, l.want.PublicKey.(*rsa.PublicKey))
	if !key.Certificate().Equal(l.want) {
		t.Errorf("took the certificate of %s until %s", key.Certificate().Subject, key.Certificate().NotAfter)
	}
	var passed []string
	for _, c := range key.PassedOver() {
		passed = append(passed, c.Note)
	}
	if got := key.Others(); len(got) != l.others {
		t.Errorf("passed over the keys %v, want %d", got, l.others)
	}
	if diff := cmp.Diff(l.passed, passed); diff != "" {
		t.Errorf("passed over (-want +got):\n%s", diff)
	}
}

func (l layout) wantError(t *testing.T, err error) {
	t.Helper()
	if _, wanted := l.err.(*hardware.AmbiguousError); wanted {
		if _, got := errors.AsType[*hardware.AmbiguousError](err); !got {
			t.Fatalf("error %v, want an AmbiguousError", err)
		}
		l.err = nil
	}
	for _, text := range append(l.says, "") {
		wantError(t, l.name, err, l.err, text)
	}
	if hsm.Transient(err) {
		t.Errorf("%v is taken for something that passes", err)
	}
	if err != nil && strings.Contains(err.Error(), "CKR_") {
		t.Errorf("%v shows a code for what has a reason", err)
	}
}
