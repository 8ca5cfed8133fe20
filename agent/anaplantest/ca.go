package anaplantest

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Files of a CA that is kept in a directory.
const (
	caFile    = "ca.pem"
	caKeyFile = "ca-key.pem"
)

// CA is a certification authority for tests. It issues certificates for logins
// and for the stand-in's own TLS. Nobody else may trust it.
type CA struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewCA makes a CA. It is valid from 1999 to 2049, so that it also serves under
// the clock of testing/synctest, which starts in the year 2000.
func NewCA() (*CA, error) {
	// An elliptic curve, because each test makes a CA and RSA keys are slow to
	// make. The keys that log in are RSA all the same.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating the CA's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: "Anaplan emulator test CA", Organization: []string{"For tests only"}},
		NotBefore:             time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: cert, key: key}, nil
}

// OpenCA returns the CA that is kept in dir, and makes it where there is none.
func OpenCA(dir string) (*CA, error) {
	ca, err := LoadCA(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return ca, err
	}
	if ca, err = NewCA(); err != nil {
		return nil, err
	}
	return ca, ca.Save(dir)
}

// LoadCA reads the CA from ca.pem and ca-key.pem in dir. Where neither file
// exists, the error wraps fs.ErrNotExist; one without the other is another error,
// lest a lost key be replaced in silence.
func LoadCA(dir string) (*CA, error) {
	certPEM, certErr := os.ReadFile(filepath.Join(dir, caFile))
	keyPEM, keyErr := os.ReadFile(filepath.Join(dir, caKeyFile))
	if errors.Is(certErr, fs.ErrNotExist) && errors.Is(keyErr, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no CA in %s: %w", dir, fs.ErrNotExist)
	}
	if err := cmp.Or(certErr, keyErr); err != nil {
		return nil, fmt.Errorf("the CA in %s is not whole: %v", dir, err)
	}
	ca, err := parseCA(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the CA in %s: %w", dir, err)
	}
	return ca, nil
}

// parseCA reads the two files. tls.X509KeyPair checks that they belong together.
func parseCA(certPEM, keyPEM []byte) (*CA, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s and %s do not fit: %w", caFile, caKeyFile, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%s is not a CA that this program made", caFile)
	}
	return &CA{Certificate: pair.Leaf, key: key}, nil
}

// Save writes the CA to ca.pem and, readable by the owner alone, ca-key.pem. It
// makes dir if need be and overwrites no key.
func (ca *CA) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saving the CA: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return fmt.Errorf("encoding the CA's key: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	// The key first: it is what must not be overwritten, and without the
	// certificate beside it nothing is lost yet.
	if err := writeNew(filepath.Join(dir, caKeyFile), key, 0o600); err != nil {
		return fmt.Errorf("saving the CA's key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, caFile), ca.PEM(), 0o644); err != nil {
		return fmt.Errorf("saving the CA: %w", err)
	}
	return nil
}

// writeNew writes a file that must not exist, so that its mode is the one given
// from the first byte on.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

// PEM returns the CA's certificate.
func (ca *CA) PEM() []byte { return EncodePEM(ca.Certificate) }

// Pool returns a pool with the CA in it, for clients to trust.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}
