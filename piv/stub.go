//go:build !cgo && !windows

package piv

import (
	"context"
	"crypto/rsa"
	"crypto/x509"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Key is a private key on a card. This build has none.
type Key struct{}

// Open returns ErrNoCgo.
func Open(context.Context, pivuri.URI, Options) (*Key, error) { return nil, ErrNoCgo }

// Certificate returns nil.
func (*Key) Certificate() *x509.Certificate { return nil }

// Address returns the zero address.
func (*Key) Address() pivuri.URI { return pivuri.URI{} }

// SignSHA512 returns ErrNoCgo.
func (*Key) SignSHA512(context.Context, []byte) ([]byte, error) { return nil, ErrNoCgo }

// Close returns nil.
func (*Key) Close() error { return nil }

// List returns ErrNoCgo.
func List(context.Context, pivuri.URI, Options) ([]Card, error) { return nil, ErrNoCgo }

// Generate returns ErrNoCgo.
func Generate(context.Context, pivuri.URI, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, ErrNoCgo
}

// CertificateRequest returns ErrNoCgo.
func CertificateRequest(context.Context, pivuri.URI, Options, *x509.CertificateRequest) ([]byte, error) {
	return nil, ErrNoCgo
}

// StoreCertificate returns ErrNoCgo.
func StoreCertificate(context.Context, pivuri.URI, *x509.Certificate, Options) (bool, error) {
	return false, ErrNoCgo
}

// Attest returns ErrNoCgo.
func Attest(context.Context, pivuri.URI, Options) (*Attestation, error) { return nil, ErrNoCgo }

// Import returns ErrNoCgo.
func Import(context.Context, pivuri.URI, *rsa.PrivateKey, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, ErrNoCgo
}

// Delete returns ErrNoCgo.
func Delete(context.Context, pivuri.URI, Options) ([]string, error) { return nil, ErrNoCgo }
