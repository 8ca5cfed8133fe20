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

// errNoCgo is what everything returns that can fail.
var errNoCgo = fmt.Errorf("PKCS#11 is not supported: %w", hardware.ErrNoCgo)

// Key is a private key in a token. This build has none.
type Key struct{}

func Open(context.Context, uri.URI, Options) (*Key, error) { return nil, errNoCgo }

func (*Key) Certificate() *x509.Certificate { return nil }

func (*Key) Address() uri.URI { return uri.URI{} }

func (*Key) PassedOver() []CertificateInfo { return nil }

func (*Key) Others() []uri.URI { return nil }

func (*Key) SignSHA512(context.Context, []byte) ([]byte, error) { return nil, errNoCgo }

func (*Key) Close() error { return nil }

func List(context.Context, uri.URI, Options) ([]Token, error) { return nil, errNoCgo }

func Examine(context.Context, uri.URI, Options, ...uint) (Abilities, error) {
	return Abilities{}, errNoCgo
}

func Generate(context.Context, uri.URI, KeySpec, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

func CertificateRequest(context.Context, uri.URI, Options, *x509.CertificateRequest) ([]byte, error) {
	return nil, errNoCgo
}

func StoreCertificate(context.Context, uri.URI, *x509.Certificate, Options) (bool, error) {
	return false, errNoCgo
}

func Import(context.Context, uri.URI, *rsa.PrivateKey, Options) (KeyInfo, error) {
	return KeyInfo{}, errNoCgo
}

func StoreChain(context.Context, uri.URI, []*x509.Certificate, Options) (int, error) {
	return 0, errNoCgo
}

func Delete(context.Context, uri.URI, Options) ([]string, error) { return nil, errNoCgo }
