//go:build cgo

package hsm

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Keys are found by what the address says of them, in one search on the token: a
// token with a thousand keys is not read through for one. What is found is then
// looked at here, since a search cannot tell a key that can log in from one that
// cannot.

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

// name is what a person knows the key by.
func (k *keyObject) name() string { return cmp.Or(k.label, fmt.Sprintf("%x", k.id)) }

// template returns the search for objects of a class that the address names. The type that the
// address may have is not looked at: an address copied from a certificate or a public key means
// the private key that belongs to it.
func template(address uri.URI, class uint) []*pkcs11.Attribute {
	wanted := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if label, ok := address.Get("object"); ok {
		wanted = append(wanted, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if id, ok := address.ID(); ok {
		wanted = append(wanted, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	return wanted
}

// keys returns the private keys that the address names. Some tokens (NSS, PIV
// cards behind OpenSC) put the label on the certificate only or give the two
// different labels; then the certificate's id leads to the key.
func (s *session) keys(address uri.URI) ([]*keyObject, error) {
	handles, err := s.find(template(address, pkcs11.CKO_PRIVATE_KEY)...)
	if _, labelled := address.Get("object"); len(handles) == 0 && labelled && err == nil {
		handles, err = s.findByCertificate(address)
	}
	if err != nil {
		return nil, err
	}
	keys := make([]*keyObject, len(handles))
	for i, handle := range handles {
		if keys[i], err = s.readKey(handle); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// findByCertificate returns the private keys with the id of a certificate that
// the address names. Several certificates of one key (an old one and its renewal)
// lead to it once.
func (s *session) findByCertificate(address uri.URI) ([]pkcs11.ObjectHandle, error) {
	certificates, err := s.find(template(address, pkcs11.CKO_CERTIFICATE)...)
	if err != nil {
		return nil, err
	}
	var ids [][]byte
	var found []pkcs11.ObjectHandle
	for _, certificate := range certificates {
		values, err := s.read(certificate, pkcs11.CKA_ID)
		if err != nil {
			return nil, s.fail("reading a certificate", err)
		}
		id := values[pkcs11.CKA_ID]
		if len(id) == 0 || slices.ContainsFunc(ids, func(seen []byte) bool { return bytes.Equal(seen, id) }) {
			continue
		}
		ids = append(ids, id)
		handles, err := s.find(template(address.Without("object").With("id", string(id)), pkcs11.CKO_PRIVATE_KEY)...)
		if err != nil {
			return nil, err
		}
		found = append(found, handles...)
	}
	return found, nil
}

// fitting returns the keys that the address names and a login could use; at least
// one. Of several it is the one whose certificate the caller has, if there is one.
func (v *visit) fitting(ctx context.Context, address uri.URI) ([]*keyObject, error) {
	found, err := v.keys(address)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, v.noKey(address)
	}
	// An EC key of the same label does not compete: it could never log in.
	usable := slices.DeleteFunc(slices.Clone(found), func(k *keyObject) bool { return k.unusable() != nil })
	if len(usable) == 0 {
		return nil, fmt.Errorf("%s: %w", found[0].address(v.address), found[0].unusable())
	}
	// Comparing may cost a signature, so a single key is compared only where its certificate is
	// wanted.
	if len(usable) > 1 && v.options.Certificate != nil {
		paired, err := v.pairedWith(ctx, usable, v.options.Certificate)
		if err != nil {
			return nil, err
		}
		if len(paired) == 1 {
			return paired, nil
		}
	}
	return usable, nil
}

// only returns the one key there is. Of several it takes none.
func (v *visit) only(keys []*keyObject) (*keyObject, error) {
	if len(keys) > 1 {
		return nil, v.ambiguous(keys)
	}
	return keys[0], nil
}

// certifiedOf returns those of several keys that have a certificate, or all if none has. A key
// without one (somebody else's of the same label, or one whose enrolment is not over) cannot log
// in, so passing it over is not a guess. One whose certificate has ended stays: the other may be
// another person's. It does not look beyond what an error lists, for the price that ambiguous
// names.
func (v *visit) certifiedOf(ctx context.Context, keys []*keyObject) ([]*keyObject, error) {
	if len(keys) == 1 || len(keys) > hardware.MostListed {
		return keys, nil
	}
	var certified []*keyObject
	for _, k := range keys {
		// A key that hides its modulus would have to sign to be looked at.
		if k.public == nil {
			return keys, nil
		}
		_, _, err := v.certificateFor(ctx, k)
		switch {
		case errors.Is(err, hardware.ErrNoCertificate) || errors.Is(err, hardware.ErrCertificateMismatch):
		case err == nil || errors.Is(err, hardware.ErrCertificateExpired) || errors.Is(err, hardware.ErrCertificateNotYetValid):
			certified = append(certified, k)
		default:
			return nil, err // of the device
		}
	}
	if len(certified) == 0 {
		return keys, nil
	}
	return certified, nil
}

// pairedWith returns the keys whose certificate it is.
func (v *visit) pairedWith(ctx context.Context, keys []*keyObject, certificate *x509.Certificate) ([]*keyObject, error) {
	var paired []*keyObject
	for _, k := range keys {
		pairs, err := v.pairs(ctx, k, certificate.PublicKey)
		if err != nil {
			return nil, err
		}
		if pairs {
			paired = append(paired, k)
		}
	}
	return paired, nil
}

// ambiguous lists the keys, and whether there is a certificate of each that the
// error's text will show: a key without one costs a look at every certificate on the
// token, and a thousand such keys would cost minutes.
func (v *visit) ambiguous(keys []*keyObject) error {
	ambiguous := &hardware.AmbiguousError{What: "keys"}
	for i, k := range keys {
		ambiguous.Candidates = append(ambiguous.Candidates, k.address(v.address).String())
		if i < hardware.MostListed {
			ambiguous.Notes = append(ambiguous.Notes, v.certified(k))
		}
	}
	return ambiguous
}

// noKey says which keys there are instead: most often the label is misspelt, or the
// key is on another token.
func (s *session) noKey(address uri.URI) error {
	// This search costs calls on the way to an error only.
	handles, err := s.find(template(uri.URI{}, pkcs11.CKO_PRIVATE_KEY)...)
	if err != nil {
		return err
	}
	if len(handles) == 0 {
		return fmt.Errorf("%w: %s; token %q holds no private key", hardware.ErrNoKey, address, s.info.Label)
	}
	var there strings.Builder
	for _, handle := range handles[:min(hardware.MostListed, len(handles))] {
		// A key that cannot be read is left out: the error is about another one.
		if k, err := s.readKey(handle); err == nil {
			fmt.Fprintf(&there, "\n  %s (%s)", k.address(s.address), keyType(k.kind))
		}
	}
	if more := len(handles) - hardware.MostListed; more > 0 {
		fmt.Fprintf(&there, "\n  and %d more", more)
	}
	return fmt.Errorf("%w: %s; there are:%s", hardware.ErrNoKey, address, there.String())
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

// keyType names a type of key without its size.
func keyType(kind uint) string {
	if kind == pkcs11.CK_UNAVAILABLE_INFORMATION {
		return "of a type that the token does not tell"
	}
	return cmp.Or(keyTypes[kind], fmt.Sprintf("of type 0x%X", kind))
}
