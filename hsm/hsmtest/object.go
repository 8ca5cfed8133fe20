//go:build cgo

package hsmtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"
)

// Objects are put on a token one by one, so that a test can leave out the public
// key, give two certificates one id, or make a key that may not sign: whatever
// tools of the trade leave behind on real tokens.

// Object is the template of an object.
type Object []*pkcs11.Attribute

// With returns the object with an attribute set or added.
func (o Object) With(kind uint, value any) Object {
	// A copy: tests derive several objects from one.
	changed := slices.DeleteFunc(slices.Clone(o), func(a *pkcs11.Attribute) bool { return a.Type == kind })
	return append(changed, pkcs11.NewAttribute(kind, value))
}

// Name is the label and id of objects; either may be empty.
type Name struct {
	Label string
	ID    []byte
}

// Named returns a name; without id the objects have none.
func Named(label string, id ...byte) Name { return Name{label, id} }

// object returns what all objects of the name have. An empty id is put on the
// token as such, which is how it looks when a tool gave none.
func (n Name) object(class uint) Object {
	return Object{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, class),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, n.Label),
		pkcs11.NewAttribute(pkcs11.CKA_ID, n.ID),
	}
}

// Pair returns a private key, its public key and its certificate.
func (n Name) Pair(key *rsa.PrivateKey, certificate *x509.Certificate) []Object {
	return []Object{n.Private(key), n.Public(&key.PublicKey), n.Certificate(certificate)}
}

// Private returns a private key that signs: RSA, ECDSA on P-256, or Ed25519.
func (n Name) Private(key crypto.Signer) Object {
	o := n.object(pkcs11.CKO_PRIVATE_KEY).With(pkcs11.CKA_PRIVATE, true).With(pkcs11.CKA_SENSITIVE, true).
		With(pkcs11.CKA_EXTRACTABLE, false).With(pkcs11.CKA_SIGN, true)
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return o.rsa(k)
	case *ecdsa.PrivateKey:
		return o.With(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC).With(pkcs11.CKA_EC_PARAMS, mustDER(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})).
			With(pkcs11.CKA_VALUE, must(k.Bytes()))
	case ed25519.PrivateKey:
		// PKCS#11 3.0, which miekg/pkcs11 does not know; the curve is named by a
		// PrintableString, as SoftHSM wants it.
		const ckkEdwards = 0x40 // CKK_EC_EDWARDS
		return o.With(pkcs11.CKA_KEY_TYPE, ckkEdwards).With(pkcs11.CKA_EC_PARAMS, append([]byte{0x13, 0x0c}, "edwards25519"...)).
			With(pkcs11.CKA_VALUE, []byte(k.Seed()))
	}
	// A mistake in the test, which no test can go on from.
	panic("hsmtest: no such type of key")
}

// rsa adds the numbers of a private key. SoftHSM wants all of them.
func (o Object) rsa(k *rsa.PrivateKey) Object {
	numbers := map[uint]*big.Int{
		pkcs11.CKA_MODULUS: k.N, pkcs11.CKA_PUBLIC_EXPONENT: big.NewInt(int64(k.E)), pkcs11.CKA_PRIVATE_EXPONENT: k.D,
		pkcs11.CKA_PRIME_1: k.Primes[0], pkcs11.CKA_PRIME_2: k.Primes[1],
		pkcs11.CKA_EXPONENT_1: k.Precomputed.Dp, pkcs11.CKA_EXPONENT_2: k.Precomputed.Dq, pkcs11.CKA_COEFFICIENT: k.Precomputed.Qinv,
	}
	o = o.With(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA)
	for kind, n := range numbers {
		o = o.With(kind, n.Bytes())
	}
	return o
}

// Public returns an RSA public key.
func (n Name) Public(key *rsa.PublicKey) Object {
	return n.object(pkcs11.CKO_PUBLIC_KEY).With(pkcs11.CKA_PRIVATE, false).With(pkcs11.CKA_VERIFY, true).
		With(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA).
		With(pkcs11.CKA_MODULUS, key.N.Bytes()).With(pkcs11.CKA_PUBLIC_EXPONENT, big.NewInt(int64(key.E)).Bytes())
}

// Certificate returns a certificate.
func (n Name) Certificate(certificate *x509.Certificate) Object {
	return n.object(pkcs11.CKO_CERTIFICATE).With(pkcs11.CKA_PRIVATE, false).
		With(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509).
		With(pkcs11.CKA_SUBJECT, certificate.RawSubject).With(pkcs11.CKA_ISSUER, certificate.RawIssuer).
		With(pkcs11.CKA_SERIAL_NUMBER, mustDER(certificate.SerialNumber)).
		With(pkcs11.CKA_VALUE, certificate.Raw)
}

// Put puts objects on the token.
func (k *Token) Put(t testing.TB, objects ...Object) {
	t.Helper()
	k.InSession(t, func(p *pkcs11.Ctx, session pkcs11.SessionHandle) {
		for _, o := range objects {
			_, err := p.CreateObject(session, o)
			check(t, "C_CreateObject", err)
		}
	})
}

// Multiply makes the objects that are on a SoftHSM token n times as many. It
// copies SoftHSM's files, since C_CreateObject takes ever longer with each.
func (k *Token) Multiply(t testing.TB, n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(k.store, "*", "*.object"))
	check(t, "listing objects", err)
	for f, file := range files {
		// The token itself, of which there is one.
		if filepath.Base(file) == "token.object" {
			continue
		}
		content, err := os.ReadFile(file)
		check(t, "reading an object", err)
		for i := range n - 1 {
			name := fmt.Sprintf("%08x-0000-0000-0000-%012x", f, i) // SoftHSM's names are UUIDs
			copied := filepath.Join(filepath.Dir(file), name+filepath.Base(file)[len(name):])
			check(t, "copying an object", os.WriteFile(copied, content, 0o600))
			check(t, "copying an object", os.WriteFile(strings.TrimSuffix(copied, ".object")+".lock", nil, 0o600))
		}
	}
}

// InSession logs in with a read/write session for the time of work. Nothing else
// may use the module meanwhile.
func (k *Token) InSession(t testing.TB, work func(p *pkcs11.Ctx, session pkcs11.SessionHandle)) {
	t.Helper()
	withModule(t, k, func(p *pkcs11.Ctx) {
		session, err := p.OpenSession(k.Slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		check(t, "C_OpenSession", err)
		check(t, "C_Login", p.Login(session, pkcs11.CKU_USER, k.PIN))
		work(p, session)
	})
}

// Count returns how many objects of a class the token has.
func (k *Token) Count(t testing.TB, class uint) (count int) {
	t.Helper()
	k.InSession(t, func(p *pkcs11.Ctx, session pkcs11.SessionHandle) {
		check(t, "C_FindObjectsInit", p.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}))
		for {
			found, _, err := p.FindObjects(session, 100)
			check(t, "C_FindObjects", err)
			// Only none is the end: a module may hand out fewer than it was asked for.
			if len(found) == 0 {
				return
			}
			count += len(found)
		}
	})
	return count
}

// must is for encodings of what the package itself made.
func must(value []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return value
}

func mustDER(value any) []byte { return must(asn1.Marshal(value)) }
