//go:build cgo

package attribute

import (
	"cmp"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"
)

// Values are the attributes of an object by type. Those that it does not have, or does not
// tell, are missing.
type Values map[uint][]byte

// Number returns a CK_ULONG, which has the machine's size and byte order, and
// whether the object told it.
func (a Values) Number(kind uint) (uint, bool) {
	switch value := a[kind]; len(value) {
	case 8:
		return uint(binary.NativeEndian.Uint64(value)), true
	case 4:
		return uint(binary.NativeEndian.Uint32(value)), true
	}
	return 0, false
}

// Flag returns a CK_BBOOL; fallback where the object does not tell. Whatever is not
// zero is true, as in C.
func (a Values) Flag(kind uint, fallback bool) bool {
	value := a[kind]
	if len(value) != 1 {
		return fallback
	}
	return value[0] != 0
}

// ckkEdwards is CKK_EC_EDWARDS (PKCS#11 3.0), which miekg/pkcs11 does not have.
const ckkEdwards = 0x40

// keyTypes are the types of keys (PKCS#11 section 2) by the names that people
// use.
var keyTypes = map[uint]string{
	pkcs11.CKK_RSA: "RSA",
	pkcs11.CKK_DSA: "DSA",
	pkcs11.CKK_DH:  "DH",
	pkcs11.CKK_EC:  "EC",
	ckkEdwards:     "Ed25519 or Ed448",
}

// KeyType puts CKA_KEY_TYPE into words.
func KeyType(kind uint) string {
	if kind == pkcs11.CK_UNAVAILABLE_INFORMATION {
		return "of a type that the token does not tell"
	}
	return cmp.Or(keyTypes[kind], fmt.Sprintf("of type 0x%X", kind))
}

// Refusable are the attributes of a key pair that tokens refuse, those first that most often are.
var Refusable = []uint{
	pkcs11.CKA_EXTRACTABLE, pkcs11.CKA_SENSITIVE, pkcs11.CKA_UNWRAP, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN,
	pkcs11.CKA_ID, pkcs11.CKA_LABEL, pkcs11.CKA_PRIVATE, pkcs11.CKA_WRAP, pkcs11.CKA_ENCRYPT, pkcs11.CKA_VERIFY,
}

// Only returns the attributes of templates that are among some, each once.
func Only(templates []*pkcs11.Attribute, kinds ...uint) (some []*pkcs11.Attribute) {
	for _, kind := range kinds {
		at := slices.IndexFunc(templates, func(a *pkcs11.Attribute) bool { return a.Type == kind })
		if at >= 0 {
			some = append(some, templates[at])
		}
	}
	return some
}

// attributeNames are those of Refusable (PKCS#11 section 4.9).
var attributeNames = map[uint]string{
	pkcs11.CKA_SENSITIVE: "CKA_SENSITIVE", pkcs11.CKA_EXTRACTABLE: "CKA_EXTRACTABLE", pkcs11.CKA_SIGN: "CKA_SIGN",
	pkcs11.CKA_DECRYPT: "CKA_DECRYPT", pkcs11.CKA_UNWRAP: "CKA_UNWRAP", pkcs11.CKA_ID: "CKA_ID", pkcs11.CKA_LABEL: "CKA_LABEL",
	pkcs11.CKA_PRIVATE: "CKA_PRIVATE", pkcs11.CKA_WRAP: "CKA_WRAP", pkcs11.CKA_ENCRYPT: "CKA_ENCRYPT", pkcs11.CKA_VERIFY: "CKA_VERIFY",
}

// InWords names the attributes of a template: "CKA_SIGN true, CKA_DECRYPT false".
func InWords(template []*pkcs11.Attribute) string {
	var words []string
	for _, a := range template {
		words = append(words, attributeNames[a.Type]+" "+value(a))
	}
	return strings.Join(words, ", ")
}

// value puts the value of an attribute into words.
func value(a *pkcs11.Attribute) string {
	switch a.Type {
	case pkcs11.CKA_LABEL:
		return fmt.Sprintf("%q", a.Value)
	case pkcs11.CKA_ID:
		return fmt.Sprintf("%x", a.Value)
	}
	return fmt.Sprint(len(a.Value) == 1 && a.Value[0] != 0)
}

// PublicKey returns the RSA key of a modulus and an exponent; nil without them, and
// for exponents that crypto/rsa does not take.
func (a Values) PublicKey() *rsa.PublicKey {
	modulus, exponent := a[pkcs11.CKA_MODULUS], new(big.Int).SetBytes(a[pkcs11.CKA_PUBLIC_EXPONENT])
	if len(modulus) == 0 || exponent.Sign() == 0 || exponent.BitLen() > 31 {
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(exponent.Int64())}
}
