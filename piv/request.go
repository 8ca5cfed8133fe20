//go:build cgo || windows

package piv

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// CertificateRequest returns a PKCS#10 request (RFC 2986) for the key that address names, in DER,
// with the subject, names and extensions of template; nil is an empty one, since some CAs look at
// the key only. It is signed with SHA-256, never SHA-512, so that it cannot be a login, and
// verified.
func CertificateRequest(ctx context.Context, address pivuri.URI, options Options, template *x509.CertificateRequest) ([]byte, error) {
	return visit(ctx, address, options, func(keys *keyring) ([]byte, error) {
		return keys.request(ctx, address, template)
	})
}

// request is CertificateRequest on an open card. It needs no certificate, but where
// the card does not tell the public key.
func (r *keyring) request(ctx context.Context, address pivuri.URI, template *x509.CertificateRequest) ([]byte, error) {
	r.user.enrolling = true
	k, err := r.key(address, isRSA)
	if err != nil {
		return nil, err
	}
	public, err := k.publicForRequest(r.user.options.Public)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Address, err)
	}
	if err := r.user.askIfWanted(ctx, k); err != nil {
		return nil, err
	}
	der, err := hardware.CertificateRequest(template, public, func(message []byte) ([]byte, error) {
		return r.user.sign(ctx, k, public, crypto.SHA256, message)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Address, err)
	}
	return der, nil
}

// publicForRequest returns the key's public key, of which nobody needs to have a
// certificate yet. On old cards it may be the old certificate's, for one that is to be
// renewed; a signature that does not verify ends the request then, as it does with a wrong one that
// the caller gave.
func (k *slotKey) publicForRequest(given *rsa.PublicKey) (*rsa.PublicKey, error) {
	public := k.believed()
	if public == nil && given != nil {
		public = given
	}
	switch {
	case k.own != nil:
		return nil, k.own
	case public == nil:
		return nil, fmt.Errorf("%w: %w", hardware.ErrUnusableKey, hardware.ErrNoPublicKey)
	case unusable(public) != nil:
		return nil, unusable(public)
	}
	return public.(*rsa.PublicKey), nil
}
