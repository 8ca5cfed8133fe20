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

// errNoCgo is what everything returns that can fail.
var errNoCgo = ofCard(fmt.Errorf("PIV is not supported: %w", hardware.ErrNoCgo))

// Key is a private key on a card. This build has none.
type Key struct{}

func Open(context.Context, pivuri.URI, Options) (*Key, error) { return nil, errNoCgo }

func (*Key) Certificate() *x509.Certificate { return nil }

func (*Key) Address() pivuri.URI { return pivuri.URI{} }

func (*Key) SignSHA512(context.Context, []byte) ([]byte, error) { return nil, errNoCgo }

func (*Key) Close() error { return nil }

func List(context.Context, pivuri.URI, Options) ([]Card, error) { return nil, errNoCgo }

func Generate(context.Context, pivuri.URI, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

func CertificateRequest(context.Context, pivuri.URI, Options, *x509.CertificateRequest) ([]byte, error) {
	return nil, errNoCgo
}

func StoreCertificate(context.Context, pivuri.URI, *x509.Certificate, Options) (bool, error) {
	return false, errNoCgo
}

func Attest(context.Context, pivuri.URI, Options) (*Attestation, error) { return nil, errNoCgo }

func Import(context.Context, pivuri.URI, *rsa.PrivateKey, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

func Delete(context.Context, pivuri.URI, Options) ([]string, error) { return nil, errNoCgo }

func ReadFactory(string) (Factory, error) { return Factory{}, errNoCgo }
