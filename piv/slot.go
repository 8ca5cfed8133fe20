//go:build cgo || windows

package piv

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// What a card tells of a key depends on its firmware: everything from 5.3 on. Before,
// it can certify a key that was made on it, and that certificate tells as much; of a
// key that was put on it one has the certificate at most, and that may be another
// key's until a signature shows.

// slotKey is a key in a slot as it was read.
type slotKey struct {
	KeyInfo
	own     error // why it cannot log in with any certificate; nil: it can, as far as is known
	useless error // why what is stored as its certificate is not one for logins; nil: it may be
}

// readKey reads what there is in a slot; nil if there is no sign of a key.
func (r *keyring) readKey(slot pivuri.Slot) (*slotKey, error) {
	r.progress.card("reading the key")
	k := &slotKey{KeyInfo: KeyInfo{Address: r.card.address(slot)}}
	there, err := r.card.readOwn(k, slot)
	if err != nil {
		return nil, err
	}
	r.progress.card("reading the certificate")
	k.Certificate, err = r.card.readCertificate(slot)
	switch {
	case errors.Is(err, errNoX509):
		k.useless = err
	case err != nil:
		return nil, err
	case k.Certificate == nil && !there:
		return nil, nil
	}
	if k.Certificate != nil && hardware.NoLogin(k.Certificate) != "" {
		k.useless = hardware.NotForLogins(k.Certificate, hardware.NoLogin(k.Certificate))
		k.Certificate = nil
	}
	if !there && r.card.hasMetadata() {
		k.own = fmt.Errorf("%w: the slot holds a certificate and no key", hardware.ErrNoKey)
	}
	k.Type = cmp.Or(k.Type, keyType(k.believed()))
	k.Problem = k.problem(k.Certificate, r.now)
	return k, nil
}

// believed returns the key's public key; before firmware 5.3 it may be what the
// certificate says. nil: nobody tells.
func (k *slotKey) believed() crypto.PublicKey {
	if k.Public == nil && k.Certificate != nil {
		return k.Certificate.PublicKey
	}
	return k.Public
}

// readOwn reads what the card itself tells of the key, and whether it tells that
// there is one.
func (c *card) readOwn(k *slotKey, slot pivuri.Slot) (there bool, err error) {
	switch {
	case c.plain:
		k.Touch = TouchNever // the standard has none
	case c.hasMetadata():
		return c.readMetadata(k, slot)
	case c.since(4, 3, 0): // the first with attestation (developers.yubico.com, "PIV attestation")
		return c.readAttested(k, slot)
	}
	return false, nil
}

func (c *card) readMetadata(k *slotKey, slot pivuri.Slot) (there bool, err error) {
	info, err := c.yk.KeyInfo(slotOf(slot))
	if err != nil && !fromOutside(err) {
		info, err = c.metadataAgain(slot, err)
	}
	if err != nil && !fromOutside(err) {
		k.Type = unknownType
		k.own = fmt.Errorf("%w: it is of a kind that the PIV library does not know (%v)", hardware.ErrUnusableKey, err)
		return true, nil
	}
	if isAbsent(err) || err == nil && info.PublicKey == nil {
		return false, nil
	}
	if err != nil {
		return false, inWords("reading the key", err)
	}
	k.Public, k.Generated = info.PublicKey, info.Origin == yubikey.OriginGenerated
	k.PIN, k.Touch = pinPolicies[info.PINPolicy], touchPolicies[info.TouchPolicy]
	if k.PIN == "" && info.PINPolicy != 0 {
		k.own = fmt.Errorf("%w: it wants a fingerprint, and nothing here asks for one", hardware.ErrUnusableKey)
	}
	return true, nil
}

// fromOutside reports whether err is the service's or the card's, and not one that piv-go found by
// itself in what the card told.
func fromOutside(err error) bool {
	_, hasCode := serviceCode(err)
	_, hasStatus := statusOf(err)
	return hasCode || hasStatus
}

// readAttested reads what the card certifies of a key that was made on it. A refusal means that
// there is no such key, and cards refuse in many ways. Whether the certificate leads to Yubico does
// not matter here: the card is believed about its own key as it is with metadata, and a signature
// will show.
func (c *card) readAttested(k *slotKey, slot pivuri.Slot) (there bool, err error) {
	certificate, err := c.yk.Attest(slotOf(slot))
	if _, refused := statusOf(err); refused || errors.Is(err, yubikey.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, inWords("reading the key", err)
	}
	k.Public, k.Generated = certificate.PublicKey, true
	k.PIN, k.Touch = attestedPolicies(certificate)
	return true, nil
}

// policyExtension holds the key's policies in a card's attestation
// (developers.yubico.com, "PIV attestation").
var policyExtension = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, 8}

// attestedPolicies returns the policies that a card certifies; "" for those that it
// does not.
func attestedPolicies(certificate *x509.Certificate) (PINPolicy, TouchPolicy) {
	for _, e := range certificate.Extensions {
		if e.Id.Equal(policyExtension) && len(e.Value) == 2 {
			return pinPolicies[yubikey.PINPolicy(e.Value[0])], touchPolicies[yubikey.TouchPolicy(e.Value[1])]
		}
	}
	return "", ""
}

// The policies by their numbers (docs.yubico.com, "PIN and touch policies"), which are
// piv-go's own, too.
var (
	pinPolicies = map[yubikey.PINPolicy]PINPolicy{
		yubikey.PINPolicyNever:  PINNever,
		yubikey.PINPolicyOnce:   PINOnce,
		yubikey.PINPolicyAlways: PINAlways,
	}
	touchPolicies = map[yubikey.TouchPolicy]TouchPolicy{
		yubikey.TouchPolicyNever:  TouchNever,
		yubikey.TouchPolicyAlways: TouchAlways,
		yubikey.TouchPolicyCached: TouchCached,
	}
)

// errNoX509: what is stored as certificate is not one.
var errNoX509 = fmt.Errorf("%w: what the slot holds as a certificate cannot be read", hardware.ErrNoCertificate)

func (c *card) readCertificate(slot pivuri.Slot) (*x509.Certificate, error) {
	if c.plain {
		return c.readObject(slot)
	}
	certificate, err := c.yk.Certificate(slotOf(slot))
	if isAbsent(err) {
		return nil, nil
	}
	if err == nil {
		certificate, err = certread.Parse(certificate.Raw) // which reads more of some
	}
	if err == nil {
		return certificate, nil
	}
	if fromOutside(err) {
		return nil, inWords("reading the certificate", err)
	}
	return c.readObject(slot)
}

// readObject reads a certificate without piv-go.
func (c *card) readObject(slot pivuri.Slot) (*x509.Certificate, error) {
	// ykman compresses certificates that are too long, or on request, and piv-go cannot
	// read them. It does not give out the object, either, so it is read once more.
	var object []byte
	err := c.byRaw(func(raw *rawCard) (err error) {
		object, err = raw.object(slotOf(slot).Object)
		return err
	})
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, inWords("reading the certificate", err)
	}
	if rest, ok := element(object, tagObject); ok && len(rest) == 0 {
		return nil, nil // what was deleted there some cards keep, without what was in it
	}
	return parseObject(object)
}

// object reads a data object by GET DATA (NIST SP 800-73-4 part 2, section 3.1.2).
func (r *rawCard) object(tag uint32) ([]byte, error) {
	return r.command(0xcb, 0x3f, 0xff, []byte{0x5c, 0x03, byte(tag >> 16), byte(tag >> 8), byte(tag)})
}

// The tags of a certificate object (NIST SP 800-73-4 part 1, appendix A, table 10).
const (
	tagObject      = 0x53
	tagCertificate = 0x70
)

// maxCertificate bounds a certificate that is unpacked. Cards hold 3 KB.
const maxCertificate = 1 << 16

func parseObject(object []byte) (*x509.Certificate, error) {
	inner, _ := element(object, tagObject)
	der, _ := element(inner, tagCertificate)
	der, err := unpacked(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errNoX509, err)
	}
	certificate, err := certread.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errNoX509, err)
	}
	return certificate, nil
}

// unpacked returns a certificate that may be packed by gzip. Its flag in CertInfo says so, in which
// bit the versions of SP 800-73 and the programs differ, and some do not set it. No
// certificate begins as gzip does (RFC 1952 section 2.3.1). What follows its end is passed over.
func unpacked(der []byte) ([]byte, error) {
	if !bytes.HasPrefix(der, []byte{0x1f, 0x8b}) {
		return der, nil
	}
	unpacker, err := gzip.NewReader(bytes.NewReader(der))
	if err != nil {
		return nil, err
	}
	unpacker.Multistream(false)
	return io.ReadAll(io.LimitReader(unpacker, maxCertificate))
}

// element returns the first element with a tag of one byte in a row of BER elements.
func element(data []byte, tag byte) (value []byte, ok bool) {
	for len(data) >= 2 {
		length, size := int(data[1]), 2
		if length > 0x80 && length <= 0x83 {
			size += length - 0x80
			length = 0
			for i := 2; i < min(size, len(data)); i++ {
				length = length<<8 | int(data[i])
			}
		}
		if len(data) < size+length || data[1] == 0x80 || data[1] > 0x83 {
			return nil, false
		}
		if data[0] == tag {
			return data[size : size+length], true
		}
		data = data[size+length:]
	}
	return nil, false
}

// unknownType is the type of keys of which the card tells nothing.
const unknownType = "unknown"

func keyType(public crypto.PublicKey) string {
	switch p := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", p.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC " + p.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	case nil:
		return unknownType
	}
	return fmt.Sprintf("%T", public)
}
