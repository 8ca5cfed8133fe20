package main

// Certificates in files, in whatever wrapping they come: package certfile unwraps them.

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
)

// errCertificateFile says that a file holds no certificate that can be used. Which
// file, and what is in it instead, is in the text around it.
var errCertificateFile = errors.New("certificate file")

// certificateSettingError is an error about the file that the setting certificate names,
// and not about one that was given to be stored or explained.
type certificateSettingError struct{ error }

// Unwrap implements errors' idea of it.
func (e *certificateSettingError) Unwrap() error { return e.error }

// readCertificate reads the file of the setting certificate, which holds one. Of several it
// cannot know which is meant: the first of a bundle may be the CA's.
func readCertificate(path string) (*x509.Certificate, error) {
	certs, err := readCertificates(path)
	if err == nil && len(certs) > 1 {
		err = fmt.Errorf("%w: %s holds %d certificates; put the key's own into a file of its own", errCertificateFile, path, len(certs))
	}
	if err != nil {
		return nil, &certificateSettingError{err}
	}
	return certs[0], nil
}

// readCertificates reads every certificate of a file; there is at least one.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := readInput(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCertificateFile, err)
	}
	certs, err := certfile.Certificates(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errCertificateFile, path, err)
	}
	return certs, nil
}

// encodePEM returns the one block of a type, with lines of 64 characters and LF
// (RFC 7468 section 3), which every reader takes.
func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
