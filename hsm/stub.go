//go:build !cgo

package hsm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Key is a private key in a token. This build has none.
type Key struct{}

// Open returns ErrNoCgo.
func Open(context.Context, uri.URI, Options) (*Key, error) { return nil, ErrNoCgo }

// Certificate returns nil.
func (*Key) Certificate() *x509.Certificate { return nil }

// Address returns the zero address.
func (*Key) Address() uri.URI { return uri.URI{} }

// PassedOver returns nil.
func (*Key) PassedOver() []CertificateInfo { return nil }

// Others returns nil.
func (*Key) Others() []uri.URI { return nil }

// SignSHA512 returns ErrNoCgo.
func (*Key) SignSHA512(context.Context, []byte) ([]byte, error) { return nil, ErrNoCgo }

// Close returns nil.
func (*Key) Close() error { return nil }

// List returns ErrNoCgo.
func List(context.Context, uri.URI, Options) ([]Token, error) { return nil, ErrNoCgo }

// Generate returns ErrNoCgo.
func Generate(context.Context, uri.URI, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, ErrNoCgo
}

// CertificateRequest returns ErrNoCgo.
func CertificateRequest(context.Context, uri.URI, Options, *x509.CertificateRequest) ([]byte, error) {
	return nil, ErrNoCgo
}

// StoreCertificate returns ErrNoCgo.
func StoreCertificate(context.Context, uri.URI, *x509.Certificate, Options) (bool, error) {
	return false, ErrNoCgo
}

// Import returns ErrNoCgo.
func Import(context.Context, uri.URI, *rsa.PrivateKey, Options) (KeyInfo, error) {
	return KeyInfo{}, ErrNoCgo
}

// StoreChain returns ErrNoCgo.
func StoreChain(context.Context, uri.URI, []*x509.Certificate, Options) (int, error) {
	return 0, ErrNoCgo
}

// Delete returns ErrNoCgo.
func Delete(context.Context, uri.URI, Options) ([]string, error) { return nil, ErrNoCgo }
