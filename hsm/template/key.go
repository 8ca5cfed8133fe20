//go:build cgo

package template

import (
	"crypto/rsa"
	"math/big"

	"github.com/miekg/pkcs11"
)

// Key is an RSA key that is made or imported.
type Key struct {
	Label    string
	ID       []byte
	Decrypts bool
}

// Private is what the token is told of a private key that is made in it or put into it, beside its
// numbers. What is not said is left to the token; what is said keeps the key in it and lets it
// sign only. It is said although most tokens do so unasked: defaults are theirs to choose, and what
// was once extractable can be on a backup for ever. CKA_EXTRACTABLE false cannot be taken back
// (PKCS#11 section 4.9).
func (k Key) Private() []*pkcs11.Attribute {
	return append(k.common(), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
		pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, k.Decrypts), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, false),
	)
}

// Public is what the token is told of the public key of one that it makes.
func (k Key) Public() []*pkcs11.Attribute {
	return append(k.common(), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, k.Decrypts), pkcs11.NewAttribute(pkcs11.CKA_WRAP, false))
}

// Told is what the token is told of both halves of a key that it makes.
func (k Key) Told() []*pkcs11.Attribute { return append(k.Private(), k.Public()...) }

// common is what both halves of a key have.
func (k Key) common() []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.Label), pkcs11.NewAttribute(pkcs11.CKA_ID, k.ID),
	}
}

// PrivateObject is the object of the private key, but for its numbers. Where a token makes the
// key itself it knows what it is.
func (k Key) PrivateObject() []*pkcs11.Attribute {
	return append(k.Private(),
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA))
}

// PublicObject is the object of a public key.
func (k Key) PublicObject(public *rsa.PublicKey) []*pkcs11.Attribute {
	return append(k.common(),
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
		pkcs11.NewAttribute(pkcs11.CKA_MODULUS, public.N.Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, big.NewInt(int64(public.E)).Bytes()),
	)
}

// PrivateNumbers are the numbers of a private key (PKCS#11 mechanisms, section 2.1.3).
// The caller wipes them.
func PrivateNumbers(key *rsa.PrivateKey) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_MODULUS, key.N.Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, big.NewInt(int64(key.E)).Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE_EXPONENT, key.D.Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_PRIME_1, key.Primes[0].Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_PRIME_2, key.Primes[1].Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_EXPONENT_1, key.Precomputed.Dp.Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_EXPONENT_2, key.Precomputed.Dq.Bytes()),
		pkcs11.NewAttribute(pkcs11.CKA_COEFFICIENT, key.Precomputed.Qinv.Bytes()),
	}
}

// Wipe overwrites the values of attributes. miekg/pkcs11 copies them for C; that copy
// cannot be overwritten from here.
func Wipe(attributes []*pkcs11.Attribute) {
	for _, a := range attributes {
		clear(a.Value)
	}
}

// Wrapper is an AES key that wraps another key and lives as long as the session.
func Wrapper() []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
		pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_UNWRAP, true),
	}
}
