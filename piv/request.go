//go:build cgo || windows

package piv

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// CertificateRequest returns a PKCS#10 request (RFC 2986) for the key that address names, in DER,
// with the subject, names and extensions of template; nil is an empty one, since some CAs look at
// the key only. It is signed with SHA-256, never SHA-512, so that it cannot be a login, and
// verified.
func CertificateRequest(ctx context.Context, address pivuri.URI, options Options, template *x509.CertificateRequest) ([]byte, error) {
	if template == nil {
		template = &x509.CertificateRequest{}
	}
	return call(ctx, options, func(v *visit) ([]byte, error) {
		v.enrolling = true
		c, err := v.card(ctx, address)
		if err != nil {
			return nil, err
		}
		defer v.leave(c)
		return v.request(ctx, c, address, template)
	}, forget)
}

// request is CertificateRequest on an open card. It needs no certificate, but where
// the card does not tell the public key.
func (v *visit) request(ctx context.Context, c *card, address pivuri.URI, template *x509.CertificateRequest) ([]byte, error) {
	k, err := v.key(c, address, isRSA)
	if err != nil {
		return nil, err
	}
	public, err := k.publicForRequest()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Address, err)
	}
	if err := v.askIfWanted(ctx, c, k); err != nil {
		return nil, err
	}
	// A copy, because the template is the caller's and may serve for another key.
	wanted := *template
	wanted.SignatureAlgorithm = x509.SHA256WithRSA // whatever the caller asks for
	der, err := x509.CreateCertificateRequest(rand.Reader, &wanted, requestSigner{ctx, v, c, k, public})
	if err != nil {
		return nil, fmt.Errorf("%s: making the request: %w", k.Address, err)
	}
	return der, nil
}

// publicForRequest returns the key's public key, of which nobody needs to have a
// certificate yet. On old cards it may be the old certificate's, for one that is to be
// renewed; a signature that does not verify ends the request then.
func (k *slotKey) publicForRequest() (*rsa.PublicKey, error) {
	public := k.believed()
	switch {
	case k.own != nil:
		return nil, k.own
	case public == nil:
		return nil, fmt.Errorf("%w: the card does not tell its public key", hardware.ErrUnusableKey)
	case unusable(public) != nil:
		return nil, unusable(public)
	}
	return public.(*rsa.PublicKey), nil
}

// requestSigner lets crypto/x509 sign a request. It signs with SHA-256 and does
// nothing else.
type requestSigner struct {
	ctx    context.Context // of the one call that it lives for
	visit  *visit
	card   *card
	key    *slotKey
	public *rsa.PublicKey
}

// Public implements crypto.Signer.
func (s requestSigner) Public() crypto.PublicKey { return s.public }

// SignMessage implements crypto.MessageSigner, which crypto/x509 prefers.
func (s requestSigner) SignMessage(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	if options.HashFunc() != crypto.SHA256 {
		return nil, errors.New("requests are signed with SHA-256 only")
	}
	return s.visit.sign(s.ctx, s.card, s.key, s.public, crypto.SHA256, message)
}

// Sign implements crypto.Signer. Nobody calls it.
func (s requestSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("requests are signed from the message only")
}
