//go:build cgo || windows

package piv

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// StoreCertificate stores the certificate of the key that address names in its slot,
// in place of the one that is there. It reports whether it did: the same one is not
// stored again. Where the card does not tell the key's public key it has to sign, so
// the PIN may be asked for.
func StoreCertificate(ctx context.Context, address pivuri.URI, certificate *x509.Certificate, options Options) (stored bool, err error) {
	if certificate == nil {
		return false, fmt.Errorf("%s: %w to store", address, hardware.ErrNoCertificate)
	}
	options.Certificate = certificate // which tells the key from others
	return call(ctx, options, func(v *visit) (bool, error) {
		c, err := v.card(ctx, address)
		if err != nil {
			return false, err
		}
		defer v.leave(c)
		return v.store(ctx, c, address, certificate)
	}, forget)
}

// store is StoreCertificate on an open card.
func (v *visit) store(ctx context.Context, c *card, address pivuri.URI, certificate *x509.Certificate) (stored bool, err error) {
	k, err := v.key(c, address, isKeyOf(certificate.PublicKey))
	if err != nil {
		return false, err
	}
	if err := v.pairs(ctx, c, k, certificate); err != nil {
		return false, fmt.Errorf("%s: %w", k.Address, err)
	}
	if k.Certificate != nil && bytes.Equal(k.Certificate.Raw, certificate.Raw) {
		return false, nil // no management key is asked for in vain
	}
	err = v.write(ctx, c, "storing the certificate", func(management []byte) error {
		return c.yk.SetCertificate(management, slotOf(k.Address.Slot), certificate)
	})
	if err != nil {
		return false, fmt.Errorf("%s: %w", k.Address, err)
	}
	return true, nil
}

// pairs refuses a certificate that is another key's: it would be found out at the first
// login, by somebody who no longer knows why. When it is valid does not matter:
// tomorrow's may be stored today.
func (v *visit) pairs(ctx context.Context, c *card, k *slotKey, certificate *x509.Certificate) error {
	if k.own != nil {
		return k.own
	}
	if k.Public != nil {
		if !equal(k.Public, certificate.PublicKey) {
			return k.mismatch(certificate)
		}
		return unusable(k.Public)
	}
	if err := unusable(certificate.PublicKey); err != nil {
		return err
	}
	if err := v.askIfWanted(ctx, c, k); err != nil {
		return err
	}
	_, err := v.sign(ctx, c, k, certificate.PublicKey.(*rsa.PublicKey), crypto.SHA256, []byte(hardware.ProbeText))
	if errors.Is(err, hardware.ErrBadSignature) {
		return k.mismatch(certificate)
	}
	return err
}

// askIfWanted asks for the PIN if the key wants one.
func (v *visit) askIfWanted(ctx context.Context, c *card, k *slotKey) error {
	if !k.wantsPIN() {
		return nil
	}
	return v.askPIN(ctx, c, k.Address.Slot)
}
