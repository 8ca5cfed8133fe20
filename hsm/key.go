//go:build cgo

package hsm

import (
	"cmp"
	"crypto/rsa"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// keyObject is a private key on a token, or a public one that speaks of it.
type keyObject struct {
	handle             pkcs11.ObjectHandle
	id                 []byte
	label              string
	kind               uint // CKK_RSA and so on
	maySign            bool
	alwaysAuthenticate bool
	public             *rsa.PublicKey // nil: not RSA, or the token does not tell
	probe              []byte         // a signature over hardware.ProbeText; nil before it is needed
}

// keyAttributes are those that a login needs to know.
var keyAttributes = []uint{
	pkcs11.CKA_ID, pkcs11.CKA_LABEL, pkcs11.CKA_KEY_TYPE, pkcs11.CKA_SIGN,
	pkcs11.CKA_ALWAYS_AUTHENTICATE, pkcs11.CKA_MODULUS, pkcs11.CKA_PUBLIC_EXPONENT,
}

// readKey reads a private or public key object, in as few calls as the token
// allows.
func (s *session) readKey(handle pkcs11.ObjectHandle) (*keyObject, error) {
	values, err := s.read(handle, keyAttributes...)
	if err != nil {
		return nil, s.fail("reading a key", err)
	}
	return keyFrom(handle, values), nil
}

// keyFrom makes a key of the attributes that the token told. A key whose type it does not tell has
// an unknown type, and cannot be used.
func keyFrom(handle pkcs11.ObjectHandle, values attributes) *keyObject {
	kind, ok := values.number(pkcs11.CKA_KEY_TYPE)
	if !ok {
		kind = pkcs11.CK_UNAVAILABLE_INFORMATION
	}
	return &keyObject{
		handle:             handle,
		id:                 values[pkcs11.CKA_ID],
		label:              string(values[pkcs11.CKA_LABEL]),
		kind:               kind,
		maySign:            values.flag(pkcs11.CKA_SIGN, true),
		alwaysAuthenticate: values.flag(pkcs11.CKA_ALWAYS_AUTHENTICATE, false),
		public:             publicKey(values),
	}
}

// publicKey returns the RSA key of a modulus and an exponent; nil without them, and
// for exponents that crypto/rsa does not take.
func publicKey(values attributes) *rsa.PublicKey {
	modulus, exponent := values[pkcs11.CKA_MODULUS], new(big.Int).SetBytes(values[pkcs11.CKA_PUBLIC_EXPONENT])
	if len(modulus) == 0 || exponent.Sign() == 0 || exponent.BitLen() > 31 {
		return nil
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(exponent.Int64())}
}

// unusable returns why the key cannot log in, wrapping hardware.ErrUnusableKey; nil if it
// can, as far as the token tells.
func (k *keyObject) unusable() error {
	switch {
	case k.kind != pkcs11.CKK_RSA:
		return hardware.NotRSA(keyType(k.kind))
	case k.public != nil && hardware.CheckLength(k.public) != nil:
		return hardware.CheckLength(k.public)
	case !k.maySign:
		return fmt.Errorf("%w: it may not sign (CKA_SIGN is false)", hardware.ErrUnusableKey)
	}
	return nil
}

// address returns the address of the key on its token: label and id, as far as it
// has them. A key with neither has the token's address, and no other name.
func (k *keyObject) address(token uri.URI) uri.URI {
	if k.label != "" {
		token = token.With("object", k.label)
	}
	if len(k.id) > 0 {
		token = token.With("id", string(k.id))
	}
	return token
}

// names are the attributes by which the key, and what belongs to it, is found again.
func (k *keyObject) names() (names []*pkcs11.Attribute) {
	if len(k.id) > 0 {
		names = append(names, pkcs11.NewAttribute(pkcs11.CKA_ID, k.id))
	}
	if k.label != "" {
		names = append(names, pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.label))
	}
	return names
}

// name is what a person knows the key by.
func (k *keyObject) name() string { return cmp.Or(k.label, fmt.Sprintf("%x", k.id)) }

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

func keyType(kind uint) string {
	if kind == pkcs11.CK_UNAVAILABLE_INFORMATION {
		return "of a type that the token does not tell"
	}
	return cmp.Or(keyTypes[kind], fmt.Sprintf("of type 0x%X", kind))
}
