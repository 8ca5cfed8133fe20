//go:build cgo || windows

package piv

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// unusable returns why a key cannot log in, wrapping hardware.ErrUnusableKey; nil if it can,
// as far as is known.
func unusable(public crypto.PublicKey) error {
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return hardware.NotRSA(keyType(public))
	}
	if err := hardware.CheckLength(rsaKey); err != nil {
		return err
	}
	if bits := rsaKey.N.BitLen(); hardware.CheckNew(bits) != nil {
		return fmt.Errorf("%w: it is RSA %d, and cards have RSA keys of 2048, 3072 or 4096 bits", hardware.ErrUnusableKey, bits)
	}
	return nil
}

// unusableBy is unusable of the key that a certificate names, where the card does not tell its own.
func unusableBy(certificate *x509.Certificate) error {
	if certificate.PublicKey == nil {
		return hardware.NotRSA(certread.KeyName(certificate))
	}
	return unusable(certificate.PublicKey)
}

// problem returns why the key cannot log in with the certificate; nil if it can. The
// key's own reasons come first, since no certificate helps against them.
func (k *slotKey) problem(certificate *x509.Certificate, now time.Time) error {
	switch {
	case k.own != nil:
		return k.own
	case k.Public != nil && unusable(k.Public) != nil:
		return unusable(k.Public)
	case certificate == nil:
		return cmp.Or(k.useless, hardware.ErrNoCertificate)
	}
	return k.objection(certificate, now)
}

// objection returns why the certificate does not serve the key. One of another key is
// worse than one that ended. A card that does not tell its key (a nil Public) is believed
// until the signature is verified.
func (k *slotKey) objection(certificate *x509.Certificate, now time.Time) error {
	if k.Public != nil && !equal(k.Public, certificate.PublicKey) {
		return k.mismatch(certificate)
	}
	if why := hardware.NoLogin(certificate); why != "" {
		return hardware.NotForLogins(certificate, why)
	}
	if err := hardware.CheckTime(certificate, now); err != nil {
		return err
	}
	return unusableBy(certificate)
}

func (k *slotKey) mismatch(certificate *x509.Certificate) error {
	return cmp.Or(hardware.OtherKind(certificate), fmt.Errorf("%w: %s is not that of the key in slot %s", hardware.ErrCertificateMismatch, certread.Name(certificate.Subject), k.Address.Slot))
}

// equal reports whether two public keys are the same. All types of them in the standard
// library have the method.
func equal(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}
