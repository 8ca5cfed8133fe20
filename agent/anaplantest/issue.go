package anaplantest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// defaultLife is how long an issued certificate lives.
const defaultLife = 365 * 24 * time.Hour

// crlURL is in every certificate, for Anaplan wants a way to check revocation
// (contract section 5.1). Nothing answers there.
const crlURL = "http://crl.anaplan-emulator.invalid/ca.crl"

// ErrCSR: what should be a certificate signing request is not one.
var ErrCSR = errors.New("not a certificate signing request")

// IssueOptions say what is in a certificate. The zero value is what Anaplan asks
// for; most fields are there to make bad ones.
type IssueOptions struct {
	// Email is the user's address. "": that of the signing request.
	Email string

	// NotBefore and NotAfter are the certificate's life. Zero: from an hour ago;
	// for a year from now.
	NotBefore, NotAfter time.Time

	NoEmail    bool // leaves the e-mail address out
	ServerOnly bool // extended key usage serverAuth in place of clientAuth and emailProtection
	SHA1       bool // the CA signs with SHA-1
	IsCA       bool // says CA:TRUE
}

// EncodePEM returns a certificate as Anaplan wants to be shown it: one PEM block.
func EncodePEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// Issue makes the certificate that a signing request in PEM asks for. Of the
// request it takes the key, the subject and the e-mail address. opts may be nil.
func (ca *CA) Issue(csrPEM []byte, opts *IssueOptions) (*x509.Certificate, error) {
	csr, err := parseCSR(csrPEM)
	if err != nil {
		return nil, err
	}
	var o IssueOptions
	if opts != nil {
		o = *opts
	}
	if o.Email == "" {
		o.Email = csrEmail(csr)
	}
	if o.Email == "" && !o.NoEmail {
		return nil, fmt.Errorf("the signing request: %w", ErrNoEmail)
	}
	return ca.issue(csr.PublicKey, csr.Subject, o)
}

// IssueForKey makes a certificate for a key without a signing request. opts may
// be nil; the e-mail address is then integration@example.com.
func (ca *CA) IssueForKey(public crypto.PublicKey, opts *IssueOptions) (*x509.Certificate, error) {
	var o IssueOptions
	if opts != nil {
		o = *opts
	}
	setDefault(&o.Email, "integration@example.com")
	return ca.issue(public, pkix.Name{CommonName: "Integration"}, o)
}

// issue makes a certificate as S/MIME CAs do: digitalSignature, both extended key
// usages that Anaplan names, the address in the subject alternative name, a CRL
// (contract section 5.1).
func (ca *CA) issue(public crypto.PublicKey, subject pkix.Name, o IssueOptions) (*x509.Certificate, error) {
	now := time.Now()
	setDefault(&o.NotBefore, now.Add(-time.Hour))
	setDefault(&o.NotAfter, now.Add(defaultLife))
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               withoutEmail(subject),
		NotBefore:             o.NotBefore,
		NotAfter:              o.NotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection},
		CRLDistributionPoints: []string{crlURL},
		BasicConstraintsValid: true,
		IsCA:                  o.IsCA,
		SignatureAlgorithm:    x509.ECDSAWithSHA256,
	}
	if o.ServerOnly {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if o.SHA1 {
		template.SignatureAlgorithm = x509.ECDSAWithSHA1
	}
	if !o.NoEmail {
		template.EmailAddresses = []string{o.Email}
	}
	return sign(template, ca.Certificate, public, ca.key)
}

// ServerCertificate makes a certificate for a TLS server of those host names and
// IP addresses.
func (ca *CA) ServerCertificate(hosts ...string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("generating the server's key: %w", err)
	}
	// As long as the CA's own, for the same reason: the clock of a test.
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject:      pkix.Name{CommonName: "Anaplan emulator"},
		NotBefore:    ca.Certificate.NotBefore,
		NotAfter:     ca.Certificate.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	cert, err := sign(template, ca.Certificate, key.Public(), ca.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

// sign makes a certificate and reads it back, so that callers see what is in it and
// not what was asked for.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// newSerial makes a random serial number of 127 bits (RFC 5280 section 4.1.2.2
// wants it positive and no longer than 20 bytes).
func newSerial() *big.Int {
	random := make([]byte, 16)
	rand.Read(random)
	random[0] = random[0]&0x7f | 0x40
	return new(big.Int).SetBytes(random)
}
