package certread

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// Parse reads the certificate with which data begins; what follows it is passed over, since tokens
// and cards fill up their objects. The error says what is wrong with the certificate, and not what
// to do.
func Parse(data []byte) (*x509.Certificate, error) {
	cert, _, err := read(data)
	return cert, err
}

// Faults returns what is wrong with how a certificate is written, a clause each, as "its serial
// number is negative"; none if crypto/x509 reads it as it is. The CA's own text in them is
// quoted.
func Faults(cert *x509.Certificate) []string {
	_, faults, _ := read(cert.Raw)
	return faults
}

var errNotOne = errors.New("it is not built like a certificate")

func read(data []byte) (*x509.Certificate, []string, error) {
	data = bytes.Clone(data) // what holds it may be cleared or used again
	if first, _ := ber.First(data); first != nil {
		if cert, err := x509.ParseCertificate(first); err == nil && !passedOver(cert) {
			return cert, nil, nil
		}
	}
	raw, _, err := ber.Definite(data)
	switch {
	case len(data) == 0 || data[0] != tagSequence:
		return nil, nil, errNotOne
	case errors.Is(err, ber.ErrCut):
		return nil, nil, errors.New("its end is missing")
	case err != nil:
		return nil, nil, errNotOne
	}
	if cert, err := x509.ParseCertificate(raw); err == nil && !passedOver(cert) {
		return cert, nil, nil
	}
	var m mender
	written, err := m.take(raw)
	if err != nil {
		return nil, nil, err
	}
	if err := m.mend(written); err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(m.copy.encode())
	if err != nil {
		return nil, nil, errNotOne
	}
	m.restore(cert, written)
	return cert, m.faults, nil
}

// passedOver reports whether crypto/x509 has passed over extensions, which older versions do not have, and
// openssl reads all the same.
func passedOver(cert *x509.Certificate) bool {
	if cert.Version >= withExtensions {
		return false
	}
	var m mender
	written, err := m.take(cert.Raw)
	return err == nil && len(written.extensions) > 0
}

// withExtensions is the first version of certificates that has extensions (RFC 5280 section 4.1.2.1).
const withExtensions = 3

// form is a certificate in its fields, each as an element of DER (RFC 5280 section 4.1).
type form struct {
	version    []byte // explicitly tagged; nil: the first
	serial     []byte
	algorithm  []byte // of the signature, within the certificate
	issuer     []byte
	validity   []byte
	subject    []byte
	key        []byte
	ids        []byte   // of issuer and subject, as older versions have them
	extensions [][]byte // the elements of the sequence
	outer      []byte   // the algorithm of the signature again, beside it
	signature  []byte   // a bit string
}

// sound is a certificate that crypto/x509 reads, to put fields of another into.
func sound() form {
	name := ber.Element(tagSequence)
	algorithm := ber.Element(tagSequence, encodeOID(1, 2, 840, 113549, 1, 1, 11), ber.Element(asn1.TagNull))
	time := ber.Element(asn1.TagUTCTime, []byte("000101000000Z"))
	key := ber.Element(tagSequence, encodeOID(1, 3, 101, 112))
	return form{
		version: ber.Element(0xa0, ber.Element(asn1.TagInteger, []byte{2})), serial: ber.Element(asn1.TagInteger, []byte{1}),
		algorithm: algorithm, outer: algorithm, issuer: name, subject: name, validity: ber.Element(tagSequence, time, time),
		key:       ber.Element(tagSequence, key, ber.Element(asn1.TagBitString, make([]byte, 33))),
		signature: ber.Element(asn1.TagBitString, make([]byte, 33)),
	}
}

const tagSequence = 0x20 | asn1.TagSequence

func (f *form) encode() []byte {
	fields := [][]byte{f.version, f.serial, f.algorithm, f.issuer, f.validity, f.subject, f.key, f.ids}
	if len(f.extensions) > 0 {
		fields = append(fields, ber.Element(0xa3, ber.Element(tagSequence, f.extensions...)))
	}
	return ber.Element(tagSequence, ber.Element(tagSequence, fields...), f.outer, f.signature)
}

// accepted reports whether crypto/x509 reads the certificate.
func (f *form) accepted() bool {
	_, err := x509.ParseCertificate(f.encode())
	return err == nil
}

// original is a certificate as it was written.
type original struct {
	form
	raw, tbs []byte
	serial   *big.Int
}

// take takes a certificate apart.
func (m *mender) take(raw []byte) (*original, error) {
	der, _, err := ber.DER(raw)
	if err != nil {
		return nil, errNotOne
	}
	top := ber.PartsOf(der)
	if ber.Shape(top) != "ssb" {
		return nil, errNotOne
	}
	_, content := ber.First(raw)
	tbs, _ := ber.First(content)
	o := &original{raw: raw, tbs: tbs}
	o.outer, o.signature = top[1].FullBytes, top[2].FullBytes
	fields := ber.Parts(top[0])
	if len(fields) > 0 && ber.Shape(fields[:1]) == "0" {
		o.version, fields = fields[0].FullBytes, fields[1:]
	}
	if len(fields) < 6 || ber.Shape(fields[:6]) != "isssss" {
		return nil, errNotOne
	}
	o.form.serial, o.serial = fields[0].FullBytes, integer(fields[0].Bytes)
	for i, field := range []*[]byte{&o.algorithm, &o.issuer, &o.validity, &o.subject, &o.key} {
		*field = fields[i+1].FullBytes
	}
	return o, m.takeRest(o, fields[6:])
}

// takeRest takes what may follow the key.
func (m *mender) takeRest(o *original, fields []asn1.RawValue) error {
	for _, field := range fields {
		switch ber.Shape([]asn1.RawValue{field}) {
		case "1", "2":
			o.ids = append(o.ids, field.FullBytes...)
		case "3":
			for _, list := range ber.Parts(field) {
				for _, e := range ber.Parts(list) {
					o.extensions = append(o.extensions, e.FullBytes)
				}
			}
			if len(o.extensions) == 0 {
				m.fault("its extensions cannot be read")
			}
		default:
			m.fault("it has a field that certificates do not have")
		}
	}
	if len(o.extensions) > maxExtensions || len(o.raw) > maxSize {
		return errors.New("it has more in it than any certificate needs")
	}
	return nil
}

// Bounds of the work: extensions and names are tried one by one. Real certificates have up to 20
// extensions and some KB.
const (
	maxExtensions = 100
	maxNames      = 100
	maxSize       = 1 << 16
)

// restore gives a certificate that was read from the mended copy what the CA has written.
func (m *mender) restore(cert *x509.Certificate, o *original) {
	cert.Raw, cert.RawTBSCertificate = o.raw, o.tbs
	cert.RawSubject, cert.RawIssuer, cert.RawSubjectPublicKeyInfo = o.subject, o.issuer, o.key
	cert.SerialNumber, cert.Extensions = o.serial, m.extensions
	if m.otherKey {
		cert.PublicKey, cert.PublicKeyAlgorithm = nil, x509.UnknownPublicKeyAlgorithm
	}
	if m.otherSignature {
		cert.SignatureAlgorithm = x509.UnknownSignatureAlgorithm
	}
	if m.names != nil {
		m.names.restore(cert)
	}
	cert.UnhandledCriticalExtensions = append(cert.UnhandledCriticalExtensions, m.unhandled...)
	// The arc of all extensions, which is not one: it makes Verify refuse.
	cert.UnhandledCriticalExtensions = append(cert.UnhandledCriticalExtensions, asn1.ObjectIdentifier{2, 5, 29})
}

// integer returns the number of a two's complement.
func integer(content []byte) *big.Int {
	n := new(big.Int).SetBytes(content)
	if len(content) > 0 && content[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(content))))
	}
	return n
}

// encodeOID returns an object identifier as DER.
func encodeOID(oid ...int) []byte {
	der, _ := asn1.Marshal(asn1.ObjectIdentifier(oid)) // those of ours do not fail
	return der
}
