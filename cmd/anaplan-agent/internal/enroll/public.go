package enroll

// The public key of a key that a device's own tool has made, where the device does not tell it.

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// errPublicKeyFile says that a file does not have the public key of the key.
var errPublicKeyFile = errors.New("public key file")

// requestOf has the key of an enrolment sign a request.
func (e Enrolment) requestOf(r *device.Run, p *Pending, template *x509.CertificateRequest) ([]byte, error) {
	if e.PublicKey == "" {
		return r.Device.At(p.Address()).Request(r.Ctx, template, nil)
	}
	public, err := readPublicKey(e.PublicKey)
	if err != nil {
		return nil, err
	}
	csr, err := r.Device.At(p.Address()).Request(r.Ctx, template, public)
	if err == nil {
		err = isRequestOf(csr, public)
	}
	if errors.Is(err, hardware.ErrBadSignature) {
		err = fmt.Errorf("%w %s: it is that of another key than %s: %w", errPublicKeyFile, e.PublicKey, p.Key, err)
	}
	return csr, err
}

// isRequestOf refuses a request of a key that the device tells, and that is another one.
func isRequestOf(csr []byte, public *rsa.PublicKey) error {
	request, err := x509.ParseCertificateRequest(csr)
	if err == nil && !public.Equal(request.PublicKey) {
		err = fmt.Errorf("%w with it", hardware.ErrBadSignature)
	}
	return err
}

// readPublicKey reads the first public key of a file in PEM (RFC 7468 section 13).
func readPublicKey(path string) (*rsa.PublicKey, error) {
	text, err := console.ReadText(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPublicKeyFile, err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if public, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil && block.Type == "PUBLIC KEY" {
			if key, ok := public.(*rsa.PublicKey); ok {
				return key, nil
			}
			return nil, fmt.Errorf("%w %s: it is not an RSA key's, and a login needs one", errPublicKeyFile, path)
		}
	}
	return nil, fmt.Errorf("%w %s: there is no block PUBLIC KEY in it, as yubico-piv-tool -a generate and openssl pkey -pubout write it", errPublicKeyFile, path)
}
