package device

// Certificates in files, in whatever wrapping they come: package certfile unwraps them.

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// ErrCertificateFile says that a file contains no usable certificate. The text around it names the
// file and what is in it instead.
var ErrCertificateFile = errors.New("certificate file")

// certificateSettingError is an error about the file of the setting certificate, not about one to
// be stored or explained.
type certificateSettingError struct{ error }

func (e *certificateSettingError) Unwrap() error { return e.error }

// ReadCertificate reads the file of the setting certificate, which holds one. Of several it
// cannot know which is meant: the first of a bundle may be the CA's.
func ReadCertificate(path string) (*x509.Certificate, error) {
	certs, err := ReadCertificates(path)
	if err == nil && len(certs) > 1 {
		err = fmt.Errorf("%w: %s has %d certificates; put the key's own into a separate file", ErrCertificateFile, path, len(certs))
	}
	if err != nil {
		return nil, &certificateSettingError{err}
	}
	return certs[0], nil
}

// ReadCertificates reads every certificate of a file; there is at least one.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	data, err := console.ReadText(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificateFile, err)
	}
	certs, err := certfile.Certificates(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCertificateFile, path, err)
	}
	return certs, nil
}

// EncodePEM returns the one block of a type, with lines of 64 characters and LF
// (RFC 7468 section 3), which every reader takes.
func EncodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Certificate returns the certificate that a login would use: from its file, else
// from what the device shows without a PIN, else from the key itself.
func (r *Run) Certificate() (*x509.Certificate, error) {
	// A named file counts: the certificate in the device is not looked at.
	if path := r.Profile.Certificate; path != "" {
		cert, err := ReadCertificate(path)
		if err == nil {
			r.Device.Doubt(cert)
		}
		return cert, err
	}
	address, err := r.Device.Address()
	if err != nil {
		return nil, err
	}
	if key, ok := r.Device.At(address).Shown(r.Ctx); ok && key.Problem == nil && key.Certificate != nil {
		r.Device.Doubt(key.Certificate)
		return key.Certificate, nil
	}
	// Opening the key pairs it with its certificate, and its errors say why that fails.
	key, err := r.Device.Open(r.Ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	return key.Certificate(), nil
}

// FingerprintOf returns a certificate's SHA-256 fingerprint in hex.
func FingerprintOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}
