//go:build cgo

package hsm

import (
	"cmp"
	"crypto/rsa"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
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
func keyFrom(handle pkcs11.ObjectHandle, values attribute.Values) *keyObject {
	kind, ok := values.Number(pkcs11.CKA_KEY_TYPE)
	if !ok {
		kind = pkcs11.CK_UNAVAILABLE_INFORMATION
	}
	return &keyObject{
		handle:             handle,
		id:                 values[pkcs11.CKA_ID],
		label:              string(values[pkcs11.CKA_LABEL]),
		kind:               kind,
		maySign:            values.Flag(pkcs11.CKA_SIGN, true),
		alwaysAuthenticate: values.Flag(pkcs11.CKA_ALWAYS_AUTHENTICATE, false),
		public:             values.PublicKey(),
	}
}

// unusable returns why the key cannot log in, wrapping hardware.ErrUnusableKey; nil if it
// can, as far as the token tells.
func (k *keyObject) unusable() error {
	switch {
	case k.kind != pkcs11.CKK_RSA:
		return hardware.NotRSA(attribute.KeyType(k.kind))
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
func (k *keyObject) names() []*pkcs11.Attribute { return template.Names(k.id, k.label) }

// name is what a person knows the key by.
func (k *keyObject) name() string { return cmp.Or(k.label, fmt.Sprintf("%x", k.id)) }
