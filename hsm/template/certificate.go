//go:build cgo

package template

import (
	"cmp"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"

	"github.com/miekg/pkcs11"
)

// Authority is the object of a CA's certificate. CKA_TRUSTED is not set: nobody here says what to
// trust.
func Authority(certificate *x509.Certificate) ([]*pkcs11.Attribute, error) {
	id := certificate.SubjectKeyId
	if len(id) == 0 {
		sum := sha1.Sum(certificate.RawSubjectPublicKeyInfo)
		id = sum[:]
	}
	label := cmp.Or(certificate.Subject.CommonName, certificate.Subject.String(), "CA")
	return Certificate(certificate, Names(id, label))
}

// Certificate is the object of a certificate (PKCS#11 section 4.6.3) with these names.
func Certificate(certificate *x509.Certificate, names []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	serial, err := asn1.Marshal(certificate.SerialNumber)
	return append(names,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false),
		pkcs11.NewAttribute(pkcs11.CKA_SUBJECT, certificate.RawSubject), pkcs11.NewAttribute(pkcs11.CKA_ISSUER, certificate.RawIssuer),
		pkcs11.NewAttribute(pkcs11.CKA_SERIAL_NUMBER, serial), pkcs11.NewAttribute(pkcs11.CKA_VALUE, certificate.Raw),
	), err
}

// Names are the attributes by which a key, and what belongs to it, is found again: those that it has.
func Names(id []byte, label string) (names []*pkcs11.Attribute) {
	if len(id) > 0 {
		names = append(names, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	if label != "" {
		names = append(names, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	return names
}
