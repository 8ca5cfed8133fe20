//go:build !cgo

package hsm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// errNoCgo is what everything returns.
var errNoCgo = fmt.Errorf("PKCS#11 is not supported: %w", hardware.ErrNoCgo)

// Key is a private key in a token. This build has none.
type Key struct{}

// Open fails with hardware.ErrNoCgo.
func Open(context.Context, uri.URI, Options) (*Key, error) { return nil, errNoCgo }

// Certificate returns nil.
func (*Key) Certificate() *x509.Certificate { return nil }

// Address returns the zero address.
func (*Key) Address() uri.URI { return uri.URI{} }

// PassedOver returns nil.
func (*Key) PassedOver() []CertificateInfo { return nil }

// Others returns nil.
func (*Key) Others() []uri.URI { return nil }

// SignSHA512 fails with hardware.ErrNoCgo.
func (*Key) SignSHA512(context.Context, []byte) ([]byte, error) { return nil, errNoCgo }

// Close returns nil.
func (*Key) Close() error { return nil }

// List fails with hardware.ErrNoCgo.
func List(context.Context, uri.URI, Options) ([]Token, error) { return nil, errNoCgo }

// Generate fails with hardware.ErrNoCgo.
func Generate(context.Context, uri.URI, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

// CertificateRequest fails with hardware.ErrNoCgo.
func CertificateRequest(context.Context, uri.URI, Options, *x509.CertificateRequest) ([]byte, error) {
	return nil, errNoCgo
}

// StoreCertificate fails with hardware.ErrNoCgo.
func StoreCertificate(context.Context, uri.URI, *x509.Certificate, Options) (bool, error) {
	return false, errNoCgo
}

// Import fails with hardware.ErrNoCgo.
func Import(context.Context, uri.URI, *rsa.PrivateKey, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

// StoreChain fails with hardware.ErrNoCgo.
func StoreChain(context.Context, uri.URI, []*x509.Certificate, Options) (int, error) {
	return 0, errNoCgo
}

// Delete fails with hardware.ErrNoCgo.
func Delete(context.Context, uri.URI, Options) ([]string, error) { return nil, errNoCgo }
