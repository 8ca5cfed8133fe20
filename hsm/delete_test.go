//go:build cgo && linux

package hsm_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// kinds returns what each line is about: its first word.
func kinds(lines []string) []string {
	var found []string
	for _, line := range lines {
		kind, _, _ := strings.Cut(line, " ")
		found = append(found, kind)
	}
	return found
}

// labels returns the labels of the objects of a class that are left.
func labels(t *testing.T, token *hsmtest.Token, class uint) (found []string) {
	t.Helper()
	token.InSession(t, func(p *pkcs11.Ctx, session pkcs11.SessionHandle) {
		p.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)})
		handles, _, err := p.FindObjects(session, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, handle := range handles {
			label, err := p.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, string(label[0].Value))
		}
	})
	slices.Sort(found)
	return found
}

// TestDelete: what belongs to the key goes, and nothing else.
func TestDelete(t *testing.T) {
	library := hsmtest.BuildShim(t)
	m := newMaterial(t)
	one, two := hsmtest.Named("login", 1), hsmtest.Named("other", 2)
	for name, c := range map[string]struct {
		objects []hsmtest.Object
		more    string
		order   string   // for the shim
		deleted []string // by kind
		left    []string // labels of private keys, public keys and certificates
	}{
		"key, public key, certificate": {objects: append(one.Pair(m.a, m.certA), two.Pair(m.b, m.certB)...), more: ";object=login",
			deleted: []string{"certificate", "public", "private"}, left: []string{"other", "other", "other"}},
		"by id": {objects: append(one.Pair(m.a, m.certA), two.Pair(m.b, m.certB)...), more: ";id=%01",
			deleted: []string{"certificate", "public", "private"}, left: []string{"other", "other", "other"}},
		"by the type of the private key": {objects: one.Pair(m.a, m.certA), more: ";object=login;type=private",
			deleted: []string{"certificate", "public", "private"}},
		"by the label of its certificate": {objects: []hsmtest.Object{hsmtest.Named("", 1).Private(m.a), one.Certificate(m.certA)}, more: ";object=login",
			deleted: []string{"certificate", "private"}},
		"private key alone": {objects: []hsmtest.Object{one.Private(m.a)}, more: ";object=login", deleted: []string{"private"}},
		"several certificates, under any id": {
			objects: append(one.Pair(m.a, m.expired), one.Certificate(m.certA), two.Certificate(m.pending)), more: ";object=login",
			deleted: []string{"certificate", "certificate", "certificate", "public", "private"}},
		"strangers under its id": {
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("stranger", 1).Certificate(m.certB), hsmtest.Named("stranger", 1).Public(&m.b.PublicKey),
				hsmtest.Named("junk", 1).Certificate(m.certB).With(pkcs11.CKA_VALUE, []byte("junk"))), more: ";object=login",
			deleted: []string{"certificate", "public", "private"}, left: []string{"stranger", "junk", "stranger"}},
		"CAs": {
			objects: append(one.Pair(m.a, m.chain[0]), hsmtest.Named("CA", 1).Certificate(m.chain[1]),
				hsmtest.Named("its own CA", 1).Certificate(hsmtest.Certify(t, m.a, isCA)),
				hsmtest.Named("said to be a CA", 1).Certificate(m.pending).With(pkcs11.CKA_CERTIFICATE_CATEGORY, 2)), more: ";object=login",
			deleted: []string{"certificate", "public", "private"}, left: []string{"CA", "its own CA", "said to be a CA"}},
		"modulus hidden": {order: "hidemodulus",
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("login", 1).Public(&m.b.PublicKey), hsmtest.Named("login", 1).Certificate(m.certB)), more: ";object=login",
			deleted: []string{"certificate", "public", "private"}, left: []string{"login", "login"}},
		"the same key under another id": {
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("twin", 2).Pair(m.a, m.expired)...), more: ";object=login",
			deleted: []string{"certificate", "public", "private"}, left: []string{"twin", "twin", "twin"}},
		"the same key under the same id": {
			objects: append(one.Pair(m.a, m.certA), hsmtest.Named("twin", 1).Private(m.a)), more: ";object=twin",
			deleted: []string{"private"}, left: []string{"login", "login", "login"}},
		"RSA 1024": {objects: one.Pair(m.short, hsmtest.Certify(t, m.short)), more: ";object=login", deleted: []string{"certificate", "public", "private"}},
		"one read/write session": {order: "maxrw=1", objects: one.Pair(m.a, m.certA), more: ";object=login",
			deleted: []string{"certificate", "public", "private"}},
	} {
		t.Run(name, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			bare.Put(t, c.objects...)
			token := bare
			if c.order != "" {
				token = bare.Behind(t, library, c.order).Token
			}
			pin := &pins{pin: token.PIN}
			deleted, err := hsm.Delete(t.Context(), token.Address(t, c.more), hsm.Options{PIN: pin.ask})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.deleted, kinds(deleted)); diff != "" {
				t.Errorf("deleted (-want +got):\n%s\n%q", diff, deleted)
			}
			var left []string
			for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_PUBLIC_KEY, pkcs11.CKO_CERTIFICATE} {
				left = append(left, labels(t, bare, class)...)
			}
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if len(pin.requests) != 1 {
				t.Errorf("the PIN was asked for %d times", len(pin.requests))
			}
		})
	}
}

// TestDeleteSays: what is deleted is said so that a person knows it again.
func TestDeleteSays(t *testing.T) {
	token := newLogin(t)
	deleted, err := hsm.Delete(t.Context(), token.Address(t, ";object=login"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
	if err != nil || len(deleted) != 3 {
		t.Fatalf("%q, %v", deleted, err)
	}
	for i, want := range []string{"certificate of CN=integration@example.com until 20", "public key pkcs11:token=test;", "private key pkcs11:token=test;"} {
		if !strings.HasPrefix(deleted[i], want) || i > 0 && !strings.Contains(deleted[i], ";object=login?") {
			t.Errorf("deleted %q, want %q", deleted[i], want)
		}
	}
}

// TestDeleteRefuses: nothing goes that may not be what was meant.
func TestDeleteRefuses(t *testing.T) {
	library := hsmtest.BuildShim(t)
	m := newMaterial(t)
	one := hsmtest.Named("login", 1)
	rivals := append(one.Pair(m.a, m.certA), hsmtest.Named("login", 2).Private(m.b))
	curve := append(one.Pair(m.a, m.certA), hsmtest.Named("login", 2).Private(m.ec))
	for name, c := range map[string]struct {
		objects []hsmtest.Object
		more    string
		given   *x509.Certificate
		order   string
		want    error
		says    string
		asked   int
	}{
		"no name":                     {objects: one.Pair(m.a, m.certA), says: "add ;object=NAME or ;id=ID"},
		"empty name":                  {objects: one.Pair(m.a, m.certA), more: ";object=", says: "add ;object=NAME or ;id=ID"},
		"certificate":                 {objects: one.Pair(m.a, m.certA), more: ";object=login;type=cert", says: "leave out ;type=cert"},
		"public key":                  {objects: one.Pair(m.a, m.certA), more: ";object=login;type=public", says: "leave out ;type=public"},
		"no such key":                 {objects: one.Pair(m.a, m.certA), more: ";object=other", want: hardware.ErrNoKey, says: "object=login", asked: 1},
		"two keys":                    {objects: rivals, more: ";object=login", want: &hardware.AmbiguousError{}, says: "2 keys", asked: 1},
		"two keys, and a certificate": {objects: rivals, more: ";object=login", given: m.certA, want: &hardware.AmbiguousError{}, says: "2 keys", asked: 1},
		"an EC key of the name":       {objects: curve, more: ";object=login", want: &hardware.AmbiguousError{}, says: "2 keys", asked: 1},
		"two keys of name and id": {objects: append(one.Pair(m.a, m.certA), one.Private(m.b)), more: ";object=login;id=%01",
			want: &hardware.AmbiguousError{}, says: "2 keys", asked: 1},
		"EC key": {objects: []hsmtest.Object{one.Private(m.ec), one.Public(&m.b.PublicKey)}, more: ";object=login",
			want: hardware.ErrUnusableKey, says: "only RSA keys are deleted here", asked: 1},
		"write-protected": {objects: one.Pair(m.a, m.certA), more: ";object=login", order: "setflags=0x2", says: "write-protected"},
		"certificates are not told": {objects: one.Pair(m.a, m.certA), more: ";object=login", order: "C_FindObjectsInit@2=0x30",
			says: "searching the token", asked: 1},
		"public keys are not told": {objects: one.Pair(m.a, m.certA), more: ";object=login", order: "C_FindObjectsInit@3=0x30",
			says: "searching the token", asked: 1},
		"other keys are not told": {objects: one.Pair(m.a, m.certA), more: ";object=login", order: "C_FindObjectsInit@6=0x30",
			says: "searching the token", asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			bare := hsmtest.NewToken(t)
			bare.Put(t, c.objects...)
			before := objects(t, bare)
			token := bare
			if c.order != "" {
				token = bare.Behind(t, library, c.order).Token
			}
			pin := &pins{pin: token.PIN}
			deleted, err := hsm.Delete(t.Context(), token.Address(t, c.more), hsm.Options{PIN: pin.ask, Certificate: c.given})
			if _, ambiguous := c.want.(*hardware.AmbiguousError); ambiguous {
				if _, ok := errors.AsType[*hardware.AmbiguousError](err); !ok {
					t.Errorf("error %v, want an AmbiguousError", err)
				}
				c.want = nil
			}
			wantError(t, name, err, c.want, c.says)
			if len(deleted) > 0 || len(pin.requests) != c.asked {
				t.Errorf("deleted %q, asked %d times", deleted, len(pin.requests))
			}
			wantObjects(t, bare, before)
		})
	}
}

// TestDeleteHalfWay: an object that the token does not give up ends the call, says what
// went, and leaves the key to be deleted again.
func TestDeleteHalfWay(t *testing.T) {
	m := newMaterial(t)
	one := hsmtest.Named("login", 1)
	for name, c := range map[string]struct {
		objects []hsmtest.Object
		says    string
		deleted []string
		left    [4]int
	}{
		"certificate": {[]hsmtest.Object{one.Private(m.a), one.Public(&m.a.PublicKey), one.Certificate(m.certA).With(pkcs11.CKA_DESTROYABLE, false)},
			"deleting the certificate of CN=integration@example.com", nil, [4]int{1, 1, 1, 0}},
		"public key": {[]hsmtest.Object{one.Private(m.a), one.Public(&m.a.PublicKey).With(pkcs11.CKA_DESTROYABLE, false), one.Certificate(m.certA)},
			"deleting the public key pkcs11:", []string{"certificate"}, [4]int{1, 1, 0, 0}},
		"private key": {[]hsmtest.Object{one.Private(m.a).With(pkcs11.CKA_DESTROYABLE, false), one.Public(&m.a.PublicKey), one.Certificate(m.certA)},
			"deleting the private key pkcs11:", []string{"certificate", "public"}, [4]int{1, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			token.Put(t, c.objects...)
			deleted, err := hsm.Delete(t.Context(), token.Address(t, ";object=login"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask})
			wantError(t, name, err, nil, c.says)
			wantError(t, name, err, nil, "the token does not allow that with this object (CKR_ACTION_PROHIBITED)")
			if diff := cmp.Diff(c.deleted, kinds(deleted)); diff != "" || hsm.Transient(err) {
				t.Errorf("%v; deleted (-want +got):\n%s", err, diff)
			}
			wantObjects(t, token, c.left)
		})
	}
}

// TestDeleteGenerated: a key that was made on the token goes, too, and its name is free.
func TestDeleteGenerated(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *hsmtest.Token{"SoftHSM": hsmtest.NewToken, "TPM": hsmtest.NewTPMToken} {
		t.Run(name, func(t *testing.T) {
			token := make(t)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			address, _ := enroll(t, token.Address(t, ";object=login"), options)
			deleted, err := hsm.Delete(t.Context(), address, options)
			if err != nil || len(deleted) != 3 {
				t.Fatalf("deleted %q, %v", deleted, err)
			}
			wantObjects(t, token, [4]int{})
			enroll(t, address, options)
		})
	}
}
