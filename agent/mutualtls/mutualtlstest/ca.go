// Package mutualtlstest makes certificates by which machines know each other, for tests: a CA, and
// directories with what it has issued, as package mutualtls reads them.
package mutualtlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CA is a certificate authority.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA returns a CA of that name.
func NewCA(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, err := sign(template, template, key, key)
	return &CA{cert, key}, err
}

func sign(template, by *x509.Certificate, key, byKey *ecdsa.PrivateKey) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

// Certificate says what to issue.
type Certificate struct {
	Names       []string      // SPIFFE ids, DNS names and IP addresses
	From, Until time.Duration // from now on; zero: two hours ago, and in two hours
	ClientOnly  bool          // it is for callers, and not for those who are called
	Trust       *CA           // whose certificates the machine trusts; nil: the CA's own
}

// Issue writes tls.crt, tls.key and ca.crt into a directory, one by one, as most programs do.
func (ca *CA) Issue(dir string, wanted Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := wanted.template()
	if err != nil {
		return err
	}
	cert, err := sign(template, ca.cert, key, ca.key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	trusted := ca
	if wanted.Trust != nil {
		trusted = wanted.Trust
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, block := range map[string]pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: cert.Raw},
		"tls.key": {Type: "PRIVATE KEY", Bytes: private},
		"ca.crt":  {Type: "CERTIFICATE", Bytes: trusted.cert.Raw},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// template returns the certificate before it is signed.
func (c Certificate) template() (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	from, until := c.From, c.Until
	if from == 0 {
		from = -2 * time.Hour
	}
	if until == 0 {
		until = 2 * time.Hour
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(until),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if c.ClientOnly {
		template.ExtKeyUsage = template.ExtKeyUsage[:1]
	}
	for _, name := range c.Names {
		id, err := url.Parse(name)
		switch ip := net.ParseIP(name); {
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case err == nil && strings.Contains(name, "://"):
			template.URIs = append(template.URIs, id)
		default:
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return template, nil
}
