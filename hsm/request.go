//go:build cgo

package hsm

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// CertificateRequest returns a PKCS#10 request (RFC 2986) for the key that
// address names, in DER, with the subject, names and extensions of template; nil is an empty one,
// since some CAs look at the key only. It is signed with SHA-256, never SHA-512, so that it cannot
// be a login, and verified.
func CertificateRequest(ctx context.Context, address uri.URI, options Options, template *x509.CertificateRequest) ([]byte, error) {
	return visit(ctx, address, options, token.open, func(keys *keyring) ([]byte, error) {
		return keys.request(ctx, address, template)
	})
}

// request is CertificateRequest for a key that may have no certificate yet.
func (r *keyring) request(ctx context.Context, address uri.URI, template *x509.CertificateRequest) ([]byte, error) {
	object, err := r.key(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := r.learnPublic(ctx, object); err != nil {
		return nil, fmt.Errorf("%s: %w", r.tell(object), err)
	}
	der, err := hardware.CertificateRequest(template, object.public, func(message []byte) ([]byte, error) {
		return r.user.sign(ctx, object, crypto.SHA256, message)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.tell(object), err)
	}
	return der, nil
}

// learnPublic finds out the public key of a key for which there may be no
// certificate yet.
func (r *keyring) learnPublic(ctx context.Context, k *keyObject) error {
	if k.public == nil {
		public, err := r.publicAmong(ctx, k)
		if public == nil && r.public != nil {
			public, err = r.public, nil
		}
		if err != nil {
			return err
		}
		k.public = public
	}
	return k.unusable()
}

// publicAmong tries the public keys of the token, for a private key that does not
// tell its modulus. Their ids and labels prove nothing, so each is tried against a
// signature; the signature is made once.
func (r *keyring) publicAmong(ctx context.Context, k *keyObject) (*rsa.PublicKey, error) {
	handles, err := r.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY))
	if err != nil {
		return nil, err
	}
	for _, handle := range handles {
		half, err := r.readKey(handle)
		if err != nil || half.public == nil {
			continue
		}
		if pairs, err := r.pairs(ctx, k, half.public); err != nil || pairs {
			return half.public, err
		}
	}
	return nil, fmt.Errorf("%w: %w", hardware.ErrUnusableKey, hardware.ErrNoPublicKey)
}
