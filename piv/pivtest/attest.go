package pivtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// attestationSlot is the reference of the key that attests.
const attestationSlot = 0xF9

// attestor certifies keys that were made on a card.
type attestor struct {
	private     *ecdsa.PrivateKey
	certificate *x509.Certificate
}

// rootName is the root's name, and what its key is made from.
const rootName = "Virtual PIV Root CA, which attests nothing"

// root is what all cards' attestations lead to, as no virtual card can have one of
// Yubico's. Its key is public knowledge, so that a card that was saved by one process
// leads to the root of another.
func root() (*attestor, error) {
	scalar := sha256.Sum256([]byte(rootName))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		return nil, err
	}
	a := &attestor{private: private}
	a.certificate, err = a.certify(&x509.Certificate{
		Subject: pkix.Name{CommonName: rootName}, IsCA: true, BasicConstraintsValid: true,
	}, private.Public(), nil)
	return a, err
}

// AttestationRoot returns the certificate that attestations lead to. It is a test's:
// anybody can attest anything by it.
func AttestationRoot() (*x509.Certificate, error) {
	a, err := root()
	if err != nil {
		return nil, err
	}
	return a.certificate, nil
}

// newAttestor makes a card's attestation key, certified by the root. YubiKeys have RSA
// there; this is a curve's because each card needs one, and tests make many cards.
func newAttestor(serial uint32) (*attestor, error) {
	ca, err := root()
	if err != nil {
		return nil, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &attestor{private: private}
	a.certificate, err = ca.certify(&x509.Certificate{
		Subject: pkix.Name{CommonName: fmt.Sprintf("Virtual PIV Attestation %d", serial)}, IsCA: true, BasicConstraintsValid: true,
	}, private.Public(), ca.certificate)
	return a, err
}

// certify issues a certificate; without an issuer one that certifies itself. The dates
// are those of Yubico's own: a card has no clock, and attests for as long as its
// certificate is good.
func (a *attestor) certify(template *x509.Certificate, public crypto.PublicKey, issuer *x509.Certificate) (*x509.Certificate, error) {
	template.SerialNumber = new(big.Int).SetBytes(randomBytes(8))
	template.NotBefore = time.Date(2016, 3, 14, 0, 0, 0, 0, time.UTC)
	template.NotAfter = time.Date(2052, 4, 17, 0, 0, 0, 0, time.UTC)
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, a.private)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// attests reports whether the firmware has ATTEST.
func (p *applet) attests() bool { return p.firmware.since(4, 3) && p.options.Maker.knows(insAttest) }

// attest is ATTEST: a certificate for a key that was made here (Yubico, PIV
// attestation).
func (p *applet) attest(a apdu) ([]byte, uint16) {
	k := p.keys[a.p1]
	switch {
	case a.p2 != 0:
		return nil, swWrongParameters
	case k == nil:
		return nil, orElse(p.options.Quirks.AttestEmpty, swWrongData)
	case !k.policy.Generated:
		return nil, swWrongData
	}
	certificate, err := p.attestor.certify(&x509.Certificate{
		Subject:         pkix.Name{CommonName: fmt.Sprintf("YubiKey PIV Attestation %02x", a.p1)},
		ExtraExtensions: p.attestationExtensions(k),
	}, k.private.Public(), p.attestor.certificate)
	if err != nil {
		return nil, swFailed
	}
	return certificate.Raw, swOK
}

// attestationExtensions are Yubico's (developers.yubico.com, PIV attestation), whose values are
// bare bytes but for the serial number, an INTEGER. They tell firmware, serial number, policies and
// form factor.
func (p *applet) attestationExtensions(k *key) []pkix.Extension {
	serial, _ := asn1.Marshal(int64(p.options.Serial)) // integers always encode
	extension := func(last int, value []byte) pkix.Extension {
		return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 3, last}, Value: value}
	}
	return []pkix.Extension{
		extension(3, p.firmware[:]),
		extension(7, serial),
		extension(8, []byte{k.policy.PIN, k.policy.Touch}),
		extension(9, []byte{formFactor}),
	}
}

// metadata is that of the attestation key, which is not a slot of its own here: nobody can sign
// with it, or put another in its place.
func (a *attestor) metadata() []byte {
	k := key{algorithm: algP256, private: a.private, policy: Policy{PINNever, TouchNever, true}}
	return k.metadata(Quirks{})
}
