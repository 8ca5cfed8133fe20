package certread

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// mender makes the copy that crypto/x509 reads.
type mender struct {
	copy   form // what of it is not settled yet is that of a sound certificate
	faults []string

	otherKey       bool // of a kind that crypto/x509 does not read
	otherSignature bool // the same of the signature
	names          *alternativeNames
	extensions     []pkix.Extension        // all, as they are written
	unhandled      []asn1.ObjectIdentifier // critical ones that were left out
}

// maxFaults is how many are told.
const maxFaults = 10

func (m *mender) fault(text string) {
	if len(m.faults) < maxFaults && !slices.Contains(m.faults, text) {
		m.faults = append(m.faults, text)
	}
}

// mend settles the fields one after the other.
func (m *mender) mend(o *original) error {
	m.copy = sound()
	if m.settle(&m.copy.version, o.version, m.mendVersion); len(o.extensions) > 0 {
		m.raiseVersion()
	}
	m.settle(&m.copy.serial, o.form.serial, m.mendSerial)
	m.mendAlgorithm(o)
	m.settle(&m.copy.signature, o.signature, m.mendSignature)
	m.settle(&m.copy.issuer, o.issuer, func(der []byte) []byte { return m.mendName("its issuer", der) })
	m.settle(&m.copy.subject, o.subject, func(der []byte) []byte { return m.mendName("its subject", der) })
	if !m.settle(&m.copy.validity, o.validity, m.mendValidity) {
		return errors.New("its dates cannot be read")
	}
	if !m.settle(&m.copy.key, o.key, m.mendKey) {
		m.otherKey = true
	}
	if !m.settle(&m.copy.ids, o.ids, func([]byte) []byte { return nil }) {
		m.fault("its unique identifiers cannot be read")
	}
	m.mendExtensions(o.extensions)
	if len(m.faults) == 0 && !m.otherKey {
		m.fault(m.unnamed(o))
	}
	return nil
}

// unnamed is the fault of a certificate in which nothing was found that is wrong.
func (m *mender) unnamed(o *original) string {
	if der, _, err := ber.DER(o.raw); err == nil && !bytes.Equal(der, o.raw) {
		return "its lengths are not written as short as they can be"
	}
	return "something in it is not written as it should be"
}

// raiseVersion has crypto/x509 read extensions that the version does not have.
func (m *mender) raiseVersion() {
	if cert, err := x509.ParseCertificate(m.copy.encode()); err == nil && cert.Version < withExtensions {
		m.fault(fmt.Sprintf("it has extensions, and its version, %d, does not", cert.Version))
		m.copy.version = sound().version
	}
}

// settle puts a field of the original into the copy, mended if need be; else what the copy had
// stays, and it reports false.
func (m *mender) settle(field *[]byte, written []byte, mend func([]byte) []byte) bool {
	before := *field
	if *field = written; m.copy.accepted() {
		return true
	}
	if *field = mend(written); m.copy.accepted() {
		return true
	}
	*field = before
	return false
}

func (m *mender) mendVersion([]byte) []byte {
	m.fault("its version is not one that there is")
	return sound().version
}

func (m *mender) mendSerial(der []byte) []byte {
	_, content := ber.First(der)
	n := integer(content)
	switch {
	case len(content) == 0:
		m.fault("its serial number is empty")
	case n.Sign() < 0:
		m.fault("its serial number is negative")
	default:
		m.fault("its serial number has needless zeros in front")
	}
	return encodeInteger(n.Abs(n))
}

func encodeInteger(n *big.Int) []byte {
	der, _ := asn1.Marshal(n) // no number fails
	return der
}

// mendAlgorithm settles both places that name the signature's algorithm. The one beside the
// signature counts, as it does for openssl.
func (m *mender) mendAlgorithm(o *original) {
	if !bytes.Equal(o.algorithm, o.outer) {
		m.fault("the two places that name the algorithm of its signature differ" + m.difference(o))
	}
	before := m.copy.outer
	m.copy.algorithm, m.copy.outer = o.outer, o.outer
	if !m.copy.accepted() {
		m.fault("the name of its signature's algorithm cannot be read")
		m.copy.algorithm, m.copy.outer, m.otherSignature = before, before, true
	}
}

// difference says what the two places name, as far as crypto/x509 knows it.
func (m *mender) difference(o *original) string {
	within, beside := m.algorithmName(o.algorithm), m.algorithmName(o.outer)
	switch {
	case within == "" || beside == "":
		return ""
	case within == beside:
		return " (both are " + beside + ", with other parameters)"
	}
	return fmt.Sprintf(" (%s within, %s beside the signature)", within, beside)
}

// algorithmName names a signature's algorithm; "" if crypto/x509 does not know it. An RSA algorithm
// without its parameter is the same with it (RFC 4055 section 5).
func (m *mender) algorithmName(der []byte) string {
	if parts := ber.PartsOf(der); len(parts) == 1 {
		der = ber.Element(tagSequence, parts[0].FullBytes, ber.Element(asn1.TagNull))
	}
	try := sound()
	try.algorithm, try.outer = der, der
	cert, err := x509.ParseCertificate(try.encode())
	if err != nil || cert.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return ""
	}
	return cert.SignatureAlgorithm.String()
}

// mendSignature is for a bit string whose number of unused bits is not 0.
func (m *mender) mendSignature(der []byte) []byte {
	m.fault("its signature is not a number of whole bytes")
	_, content := ber.First(der)
	bits := bytes.Clone(content)
	if len(bits) > 0 {
		bits[0] = 0
	}
	return ber.Element(asn1.TagBitString, bits)
}

// mendKey writes an RSA key by the rules (RFC 3279 section 2.3.1). Others are as they are.
func (m *mender) mendKey(der []byte) []byte {
	fields := ber.PartsOf(der)
	if ber.Shape(fields) != "sb" || len(fields[1].Bytes) < 2 {
		return nil
	}
	algorithm := ber.Parts(fields[0])
	if len(algorithm) == 0 || ber.OID(algorithm[0]) != oidRSA {
		return nil
	}
	inner, _, err := ber.DER(fields[1].Bytes[1:])
	numbers := ber.PartsOf(inner)
	if err != nil || ber.Shape(numbers) != "ii" {
		m.fault("its RSA key cannot be read")
		return nil
	}
	sayParameters(m, algorithm[1:])
	if fields[1].Bytes[0] != 0 {
		m.fault("its key is not a number of whole bytes")
	}
	written := ber.Element(tagSequence, encodeUnsigned(numbers[0].Bytes), encodeUnsigned(numbers[1].Bytes))
	if !bytes.Equal(written, fields[1].Bytes[1:]) {
		m.fault("the numbers of its RSA key are not written as they should be")
	}
	return ber.Element(tagSequence,
		ber.Element(tagSequence, algorithm[0].FullBytes, ber.Element(asn1.TagNull)),
		ber.Element(asn1.TagBitString, []byte{0}, written))
}

func sayParameters(m *mender, parameters []asn1.RawValue) {
	switch {
	case len(parameters) == 0:
		m.fault("its RSA key lacks the parameter NULL")
	case len(parameters) > 1 || !bytes.Equal(parameters[0].FullBytes, ber.Element(asn1.TagNull)):
		m.fault("its RSA key has parameters, and RSA has none")
	}
}

// encodeUnsigned writes a number that is positive, whatever its first bit.
func encodeUnsigned(content []byte) []byte { return encodeInteger(new(big.Int).SetBytes(content)) }

// keyAlgorithm returns that of a certificate's key, and its parameters; "" if they cannot be read.
func keyAlgorithm(cert *x509.Certificate) (oid string, parameters asn1.RawValue) {
	der, _, err := ber.DER(cert.RawSubjectPublicKeyInfo)
	fields := ber.PartsOf(der)
	if err != nil || len(fields) == 0 {
		return "", parameters
	}
	algorithm := ber.Parts(fields[0])
	if len(algorithm) > 1 {
		parameters = algorithm[1]
	}
	if len(algorithm) > 0 {
		oid = ber.OID(algorithm[0])
	}
	return oid, parameters
}
