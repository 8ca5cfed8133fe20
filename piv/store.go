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
// the PIN may be asked for. A card that takes no certificate from here returns hardware.ErrNotKept, once it is known
// to be the key's.
func StoreCertificate(ctx context.Context, address pivuri.URI, certificate *x509.Certificate, options Options) (stored bool, err error) {
	if certificate == nil {
		return false, fmt.Errorf("%s: %w to store", address, hardware.ErrNoCertificate)
	}
	options.Certificate = certificate // which tells the key from others
	return visit(ctx, address, options, func(keys *keyring) (bool, error) {
		return keys.store(ctx, address, certificate)
	})
}

func (r *keyring) store(ctx context.Context, address pivuri.URI, certificate *x509.Certificate) (stored bool, err error) {
	k, err := r.key(address, isKeyOf(certificate.PublicKey))
	if err != nil {
		return false, err
	}
	if err := r.pairs(ctx, k, certificate); err != nil {
		return false, fmt.Errorf("%s: %w", k.Address, err)
	}
	if k.Certificate != nil && bytes.Equal(k.Certificate.Raw, certificate.Raw) {
		return false, nil // no management key is asked for in vain
	}
	if err := r.card.writable(k.Address.Slot); err != nil {
		return false, fmt.Errorf("%w: %w", hardware.ErrNotKept, err)
	}
	err = r.user.write(ctx, "storing the certificate", func(management []byte) error {
		return r.card.yk.SetCertificate(management, slotOf(k.Address.Slot), certificate)
	})
	if err != nil {
		return false, orNotStored(fmt.Errorf("%s: %w", k.Address, err))
	}
	return true, nil
}

// orNotStored says of why a certificate was not stored that the card did not do it, where that is so.
func orNotStored(err error) error {
	if _, answered := errors.AsType[*deviceError](err); answered || errors.Is(err, ErrManagementKey) {
		return fmt.Errorf("%w: %w", hardware.ErrNotStored, err)
	}
	return err
}

// pairs refuses a certificate that is another key's: it would be found out at the first
// login, by somebody who no longer knows why. When it is valid does not matter:
// tomorrow's may be stored today.
func (r *keyring) pairs(ctx context.Context, k *slotKey, certificate *x509.Certificate) error {
	if k.own != nil {
		return k.own
	}
	if k.Public != nil {
		if !equal(k.Public, certificate.PublicKey) {
			return k.mismatch(certificate)
		}
		return unusable(k.Public)
	}
	if err := unusableBy(certificate); err != nil {
		return err
	}
	if err := r.user.askIfWanted(ctx, k); err != nil {
		return err
	}
	_, err := r.user.sign(ctx, k, certificate.PublicKey.(*rsa.PublicKey), crypto.SHA256, []byte(hardware.ProbeText))
	if errors.Is(err, hardware.ErrBadSignature) {
		return k.mismatch(certificate)
	}
	return err
}
