package main

// Certificates in files. CAs send them in every wrapping: DER, PEM, with their own
// certificates before or after, with the text that openssl pkcs12 prints around them.

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// errCertificateFile says that a file holds no certificate that can be used. Which
// file, and what is in it instead, is in the text around it.
var errCertificateFile = errors.New("certificate file")

// readCertificate reads a file of one certificate, PEM or DER. Of several it cannot
// know which is meant: the first of a bundle may be the CA's.
func readCertificate(path string) (*x509.Certificate, error) {
	certs, err := readCertificates(path)
	if err != nil {
		return nil, err
	}
	if len(certs) > 1 {
		return nil, fmt.Errorf("%w: %s holds %d certificates; put the key's own into a file of its own", errCertificateFile, path, len(certs))
	}
	return certs[0], nil
}

// readCertificates reads every certificate of a PEM file, whatever stands around
// them, or the one of a DER file.
func readCertificates(path string) ([]*x509.Certificate, error) {
	data, err := readInput(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCertificateFile, err)
	}
	certs, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errCertificateFile, path, err)
	}
	return certs, nil
}

// parseCertificates tries DER first, which nothing else looks like. Text before,
// between and after the blocks is passed over (RFC 7468 section 2), carriage returns
// too. A private key beside the certificate is passed over as well; a file with
// nothing but one is told, for it should not lie there.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	if cert, err := x509.ParseCertificate(data); err == nil {
		return []*x509.Certificate{cert}, nil
	}
	var certs []*x509.Certificate
	var other string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			other = block.Type
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	switch {
	case len(certs) > 0:
		return certs, nil
	case other != "":
		return nil, fmt.Errorf("it holds a %s, and no certificate", other)
	}
	return nil, errors.New("it is neither a PEM nor a DER certificate")
}

// encodePEM returns the one block of a type, with lines of 64 characters and LF
// (RFC 7468 section 3), which every reader takes.
func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
