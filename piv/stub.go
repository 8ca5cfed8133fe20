//go:build !cgo && !windows

package piv

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// errNoCgo is what everything returns.
var errNoCgo = ofCard(fmt.Errorf("PIV is not supported: %w", hardware.ErrNoCgo))

// Key is a private key on a card. This build has none.
type Key struct{}

// Open fails with hardware.ErrNoCgo.
func Open(context.Context, pivuri.URI, Options) (*Key, error) { return nil, errNoCgo }

// Certificate returns nil.
func (*Key) Certificate() *x509.Certificate { return nil }

// Address returns the zero address.
func (*Key) Address() pivuri.URI { return pivuri.URI{} }

// SignSHA512 fails with hardware.ErrNoCgo.
func (*Key) SignSHA512(context.Context, []byte) ([]byte, error) { return nil, errNoCgo }

// Close returns nil.
func (*Key) Close() error { return nil }

// List fails with hardware.ErrNoCgo.
func List(context.Context, pivuri.URI, Options) ([]Card, error) { return nil, errNoCgo }

// Generate fails with hardware.ErrNoCgo.
func Generate(context.Context, pivuri.URI, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

// CertificateRequest fails with hardware.ErrNoCgo.
func CertificateRequest(context.Context, pivuri.URI, Options, *x509.CertificateRequest) ([]byte, error) {
	return nil, errNoCgo
}

// StoreCertificate fails with hardware.ErrNoCgo.
func StoreCertificate(context.Context, pivuri.URI, *x509.Certificate, Options) (bool, error) {
	return false, errNoCgo
}

// Attest fails with hardware.ErrNoCgo.
func Attest(context.Context, pivuri.URI, Options) (*Attestation, error) { return nil, errNoCgo }

// Import fails with hardware.ErrNoCgo.
func Import(context.Context, pivuri.URI, *rsa.PrivateKey, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

// Delete fails with hardware.ErrNoCgo.
func Delete(context.Context, pivuri.URI, Options) ([]string, error) { return nil, errNoCgo }
