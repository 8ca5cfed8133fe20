package anaplantest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"slices"
)

// parseCSR reads a signing request in PEM and checks that its key signed it.
func parseCSR(text []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: there is no PEM block in it", ErrCSR)
	}
	// Older openssl and Java's keytool say NEW (RFC 7468 section 7).
	if block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
		return nil, fmt.Errorf("%w: its PEM block is a %s", ErrCSR, block.Type)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCSR, err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the signing request is not signed by its own key: %w", err)
	}
	return csr, nil
}

// csrEmail returns the e-mail address in a request; "" if there is none.
func csrEmail(csr *x509.CertificateRequest) string {
	if len(csr.EmailAddresses) > 0 {
		return csr.EmailAddresses[0]
	}
	return subjectEmail(csr.Subject.Names)
}

// subjectEmail returns the emailAddress of a subject; "" if there is none.
func subjectEmail(names []pkix.AttributeTypeAndValue) string {
	for _, name := range names {
		if email, ok := name.Value.(string); ok && name.Type.Equal(oidEmailAddress()) {
			return email
		}
	}
	return ""
}

// withoutEmail drops the subject's emailAddress: the address goes into the
// subject alternative name, where it stands once.
func withoutEmail(subject pkix.Name) pkix.Name {
	subject.Names = nil
	subject.ExtraNames = slices.DeleteFunc(subject.ExtraNames, func(name pkix.AttributeTypeAndValue) bool {
		return name.Type.Equal(oidEmailAddress())
	})
	return subject
}
