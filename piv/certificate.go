//go:build cgo || windows

package piv

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// minBits is the shortest RSA key that still stands for 112 bits of security, the
// least that is allowed for signatures (NIST SP 800-57 part 1, table 2), so that
// no service to log in to takes shorter ones.
const minBits = 2048

// unusable returns why a key cannot log in, wrapping hardware.ErrUnusableKey; nil if it can,
// as far as is known.
func unusable(public crypto.PublicKey) error {
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: it is %s, and a login by SHA512withRSA needs RSA", hardware.ErrUnusableKey, keyType(public))
	}
	bits := rsaKey.N.BitLen()
	if bits < minBits {
		return fmt.Errorf("%w: it is RSA %d, and a login needs 2048 bits or more", hardware.ErrUnusableKey, bits)
	}
	if _, known := algorithms[bits]; !known {
		return fmt.Errorf("%w: it is RSA %d, and cards have RSA keys of 2048, 3072 or 4096 bits", hardware.ErrUnusableKey, bits)
	}
	return nil
}

// problem returns why the key cannot log in with the certificate; nil if it can. The
// key's own reasons come first, since no certificate helps against them.
func (v *visit) problem(k *slotKey, certificate *x509.Certificate) error {
	switch {
	case k.own != nil:
		return k.own
	case k.Public != nil && unusable(k.Public) != nil:
		return unusable(k.Public)
	case certificate == nil && k.unreadable != nil:
		return fmt.Errorf("%w: %v", hardware.ErrNoCertificate, k.unreadable)
	case certificate == nil:
		return hardware.ErrNoCertificate
	}
	return v.objection(k, certificate)
}

// objection returns why the certificate does not serve the key. One of another key is
// worse than one that ended. A card that does not tell its key (a nil Public) is believed
// until the signature is verified.
func (v *visit) objection(k *slotKey, certificate *x509.Certificate) error {
	switch {
	case k.Public != nil && !equal(k.Public, certificate.PublicKey):
		return fmt.Errorf("%w: %s is not that of the key in slot %s", hardware.ErrCertificateMismatch, certificate.Subject, k.Address.Slot)
	case v.now.After(certificate.NotAfter):
		return fmt.Errorf("%w: %s ended %s", hardware.ErrCertificateExpired, certificate.Subject, day(certificate.NotAfter))
	case v.now.Before(certificate.NotBefore):
		return fmt.Errorf("%w: %s begins %s", hardware.ErrCertificateNotYetValid, certificate.Subject, certificate.NotBefore.UTC().Format(time.RFC3339))
	}
	return unusable(certificate.PublicKey)
}

// equal reports whether two public keys are the same. All types of them in the standard
// library have the method.
func equal(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

// day is precise enough for people, and the same in every time zone.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
