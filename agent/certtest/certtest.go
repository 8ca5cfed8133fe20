package certtest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// Email is the address in each certificate, the first of several.
const Email = "robot@example.com"

// Authority is who has signed the certificates.
type Authority struct {
	Certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// CA returns the one authority, which is made when it is first asked for.
var CA = sync.OnceValue(func() Authority {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Odd CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return Authority{cert, key}
})

// Fields are those of a certificate, each as DER (RFC 5280 section 4.1).
type Fields struct {
	Version, Serial, Algorithm, Issuer, Validity, Subject, Key []byte

	Extensions [][]byte // the elements of the sequence
	Outer      []byte   // the algorithm beside the signature
}

// Make returns a certificate for a key, changed as wanted before it is signed; change can be nil.
func Make(public crypto.PublicKey, change func(*Fields)) []byte {
	fields := sound(public)
	if change != nil {
		change(&fields)
	}
	return fields.sign()
}

// Tags of what is made of several elements.
const (
	sequence = 0x20 | asn1.TagSequence
	set      = 0x20 | asn1.TagSet
)

func sound(public crypto.PublicKey) Fields {
	key, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	algorithm := ber.Element(sequence, OID(1, 2, 840, 113549, 1, 1, 11), ber.Element(asn1.TagNull))
	now := time.Now().UTC()
	utc := func(t time.Time) []byte { return ber.Element(asn1.TagUTCTime, []byte(t.Format("060102150405Z"))) }
	return Fields{
		Version: ber.Element(0xa0, ber.Element(asn1.TagInteger, []byte{2})), Serial: ber.Element(asn1.TagInteger, []byte{0x10, 1}),
		Algorithm: algorithm, Outer: algorithm, Issuer: CA().Certificate.RawSubject, Subject: Name(asn1.TagUTF8String, "Robot"),
		Validity: ber.Element(sequence, utc(now.Add(-48*time.Hour)), utc(now.Add(48*time.Hour))), Key: key,
		Extensions: [][]byte{
			Extension(OID(2, 5, 29, 19), false, ber.Element(sequence)),
			Extension(OID(2, 5, 29, 15), true, ber.Element(asn1.TagBitString, []byte{5, 0xa0})),
			Extension(OID(2, 5, 29, 37), false, ber.Element(sequence, OID(1, 3, 6, 1, 5, 5, 7, 3, 4), OID(1, 3, 6, 1, 5, 5, 7, 3, 2))),
			Extension(OID(2, 5, 29, 17), false, ber.Element(sequence, ber.Element(0x81, []byte(Email)))),
		},
	}
}

func (f Fields) sign() []byte {
	fields := slices.Concat(f.Version, f.Serial, f.Algorithm, f.Issuer, f.Validity, f.Subject, f.Key)
	if len(f.Extensions) > 0 {
		fields = append(fields, ber.Element(0xa3, ber.Element(sequence, f.Extensions...))...)
	}
	return Sign(ber.Element(sequence, fields), f.Outer)
}

// Sign returns the certificate that consists of what is signed, an algorithm and the signature.
func Sign(tbs, algorithm []byte) []byte {
	sum := sha256.Sum256(tbs)
	signature, err := rsa.SignPKCS1v15(rand.Reader, CA().key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return ber.Element(sequence, tbs, algorithm, ber.Element(asn1.TagBitString, []byte{0}, signature))
}

// OID returns an object identifier as DER.
func OID(oid ...int) []byte {
	der, err := asn1.Marshal(asn1.ObjectIdentifier(oid))
	if err != nil {
		panic(err)
	}
	return der
}

// Name returns a name of one part, the common name, in a kind of text.
func Name(tag byte, text string) []byte {
	return ber.Element(sequence, ber.Element(set, ber.Element(sequence, OID(2, 5, 4, 3), ber.Element(tag, []byte(text)))))
}

// Extension returns an extension, whose oid is DER.
func Extension(oid []byte, critical bool, value []byte) []byte {
	var mark []byte
	if critical {
		mark = ber.Element(asn1.TagBoolean, []byte{0xff})
	}
	return ber.Element(sequence, oid, mark, ber.Element(asn1.TagOctetString, value))
}
