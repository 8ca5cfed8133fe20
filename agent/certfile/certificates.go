package certfile

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// Certificates returns the certificates in data, in the order in which they stand there, each
// once. If there is none the error wraps ErrNoCertificate and says what there is instead.
//
// Of certificates that cannot be read, one is enough to fail if those that can are all of CAs:
// the one that matters may be among them. Else they are passed over, for they are then old roots
// of a bundle.
func Certificates(data []byte) ([]*x509.Certificate, error) {
	pieces, err := split(data)
	if err != nil {
		return nil, err
	}
	var l load
	for _, p := range pieces {
		if err := l.addCertificates(p); err != nil {
			return nil, err
		}
	}
	if l.unreadable != nil && !slices.ContainsFunc(l.certs, isLeaf) {
		return nil, fmt.Errorf("%w: a certificate in it cannot be read (%w); get it again, and if that is the same, have the CA issue it anew", ErrDamaged, l.unreadable)
	}
	if len(l.certs) == 0 {
		return nil, noCertificate(l.other)
	}
	return l.certs, nil
}

func isLeaf(cert *x509.Certificate) bool { return !cert.IsCA }

// load is what was found in a file so far.
type load struct {
	certs      []*x509.Certificate
	names      map[*x509.Certificate]string // that a PKCS#12 file gives them
	unreadable error                        // why a certificate cannot be read
	other      kind                         // of what cannot be used, the first that is known

	keys    []KeyEntry
	refused error // why a key cannot be used
	decrypter
}

// addCertificates takes what is of use for Certificates.
func (l *load) addCertificates(p piece) error {
	switch p.kind {
	case certificate:
		return l.addCertificate(p.raw, "")
	case pkcs7:
		return l.addPKCS7(p.raw)
	}
	l.note(p.kind)
	return nil
}

// note remembers what was found that cannot be used.
func (l *load) note(k kind) {
	if l.other == unknown {
		l.other = k
	}
}

func (l *load) addCertificate(der []byte, name string) error {
	cert, err := certread.Parse(der)
	if err != nil {
		l.unreadable = cmp.Or(l.unreadable, err)
		return nil
	}
	if slices.ContainsFunc(l.certs, cert.Equal) {
		return nil
	}
	if len(l.certs) == maxCount {
		return tooMany("certificates")
	}
	l.certs = append(l.certs, cert)
	if name != "" {
		if l.names == nil {
			l.names = map[*x509.Certificate]string{}
		}
		l.names[cert] = name
	}
	return nil
}

// addPKCS7 takes the certificates of signed data, which is signed by nobody as a rule
// (RFC 5652 section 5.1).
func (l *load) addPKCS7(der []byte) error {
	l.note(pkcs7)
	content := ber.Parts(ber.PartsOf(der)[1])
	if len(content) != 1 {
		return damaged("the PKCS#7 bundle has no content")
	}
	for _, field := range ber.Parts(content[0]) {
		if ber.Shape([]asn1.RawValue{field}) != "0" {
			continue
		}
		for _, cert := range ber.Parts(field) {
			if kindOf(cert.FullBytes) != certificate {
				continue // of another kind, which nobody has used in decades
			}
			if err := l.addCertificate(cert.FullBytes, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Leaf returns the certificate for that public key, and the chain of its issuers, its own first,
// as far as they are among the certificates. The error is a *NoLeafError if none is for the key; an
// *UnsupportedError if that could not be, since all but those of CAs are for keys that are not RSA.
//
// Of several it takes one that is valid today rather than another; then one of a CA rather than
// one that signed itself, which some tools make along with a request; then the one that ends last.
func Leaf(certs []*x509.Certificate, public crypto.PublicKey) (leaf *x509.Certificate, chain []*x509.Certificate, err error) {
	now := time.Now()
	var failed NoLeafError
	for _, cert := range certs {
		switch {
		case !sameKey(cert.PublicKey, public):
			failed.Subjects = append(failed.Subjects, subjectOf(cert, public))
		case leaf == nil || better(cert, leaf, now):
			leaf = cert
		}
	}
	if leaf == nil {
		return nil, nil, cmp.Or(otherKinds(certs, public), error(&failed))
	}
	return leaf, Chain(leaf, certs), nil
}

// otherKinds names the key of the first certificate that is not a CA's, if an RSA key was looked for
// and all those are for keys of other kinds; else nil.
func otherKinds(certs []*x509.Certificate, public crypto.PublicKey) error {
	var first *x509.Certificate
	if _, isRSA := public.(*rsa.PublicKey); !isRSA && public != nil {
		return nil
	}
	for _, cert := range certs {
		if _, isRSA := cert.PublicKey.(*rsa.PublicKey); isRSA && isLeaf(cert) {
			return nil
		}
		if first == nil && isLeaf(cert) {
			first = cert
		}
	}
	if first == nil {
		return nil
	}
	why := rsaOnly
	if certread.IsOtherRSA(first) {
		why = "a login needs it for a plain RSA key (rsaEncryption), and the CA can issue it so for the same key"
	}
	return &UnsupportedError{fmt.Sprintf("the certificate of %q, which is for %s,", certread.Name(first.Subject), certread.KeyName(first)), why}
}

// subjectOf names a certificate by its subject, and by its key if that is not RSA, and one was looked for.
func subjectOf(cert *x509.Certificate, public crypto.PublicKey) string {
	subject := fmt.Sprintf("%q", certread.Name(cert.Subject))
	_, wantsRSA := public.(*rsa.PublicKey)
	if _, isRSA := cert.PublicKey.(*rsa.PublicKey); wantsRSA && !isRSA {
		subject += " (for " + certread.KeyName(cert) + ")"
	}
	return subject
}

func sameKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// better reports whether a certificate is to be taken rather than another one for the same key.
func better(cert, other *x509.Certificate, now time.Time) bool {
	rank := func(c *x509.Certificate) int {
		switch valid := !now.Before(c.NotBefore) && !now.After(c.NotAfter); {
		case valid && !isSelfIssued(c):
			return 3
		case valid:
			return 2
		case !isSelfIssued(c):
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(cert), rank(other)), cert.NotAfter.Compare(other.NotAfter), cert.NotBefore.Compare(other.NotBefore)) > 0
}

func isSelfIssued(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }

// Chain returns the issuers of a certificate, its own first, up to a root or to one whose issuer is
// not among the certificates.
func Chain(cert *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	now := time.Now()
	chain := []*x509.Certificate{cert}
	for !isSelfIssued(cert) {
		var issuer *x509.Certificate
		for _, candidate := range certs {
			if issued(candidate, cert) && !slices.Contains(chain, candidate) && (issuer == nil || better(candidate, issuer, now)) {
				issuer = candidate
			}
		}
		if issuer == nil {
			break
		}
		cert, chain = issuer, append(chain, issuer)
	}
	return chain[1:]
}

// issued reports whether a CA has issued a certificate. That a signature is of a kind that is no
// longer trusted is not for this package to judge: then the names must do.
func issued(ca, cert *x509.Certificate) bool {
	if !bytes.Equal(ca.RawSubject, cert.RawIssuer) {
		return false
	}
	err := cert.CheckSignatureFrom(ca)
	_, insecure := err.(x509.InsecureAlgorithmError)
	return err == nil || insecure
}
