//go:build cgo

package hsm

import (
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// readCertificate reads a certificate object. One that does not parse is noted and is not an error:
// it may be another key's, or not matter.
func (s *session) readCertificate(handle pkcs11.ObjectHandle) (CertificateInfo, error) {
	values, err := s.read(handle, pkcs11.CKA_ID, pkcs11.CKA_LABEL, pkcs11.CKA_TOKEN, pkcs11.CKA_VALUE)
	if err != nil {
		return CertificateInfo{}, s.fail("reading a certificate", err)
	}
	info := CertificateInfo{Label: string(values[pkcs11.CKA_LABEL]), ID: values[pkcs11.CKA_ID]}
	info.Certificate, err = certread.Parse(values[pkcs11.CKA_VALUE])
	if err != nil {
		info.Note = fmt.Sprintf("it is not an X.509 certificate that can be read: %v", err)
		return info, nil
	}
	info.Note = noLogin(info.Certificate, values.Flag(pkcs11.CKA_TOKEN, true))
	info.NoLogin = info.Note != ""
	return info, nil
}

// noLogin says why a certificate can be no login's, whatever its key; "" if it may be.
func noLogin(certificate *x509.Certificate, stored bool) string {
	if why := hardware.NoLogin(certificate); why != "" || stored {
		return why
	}
	return "the module makes it for each session, and the token does not store it"
}

// findCertificates reads the certificates that fit the template, which says that it is for them.
func (s *session) findCertificates(template ...*pkcs11.Attribute) ([]CertificateInfo, error) {
	handles, err := s.find(template...)
	if err != nil {
		return nil, err
	}
	certificates := make([]CertificateInfo, len(handles))
	for i, handle := range handles {
		if certificates[i], err = s.readCertificate(handle); err != nil {
			return nil, err
		}
	}
	return certificates, nil
}

// holds reports whether the certificate is among those that fit the template, so that none is
// stored twice.
func (s *session) holds(certificate *x509.Certificate, template ...*pkcs11.Attribute) (bool, error) {
	there, err := s.findCertificates(template...)
	return slices.ContainsFunc(there, func(c CertificateInfo) bool {
		return c.Certificate != nil && c.Certificate.Equal(certificate)
	}), err
}
