package anaplantest

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// minKeyBits is the shortest RSA key that Anaplan takes (contract section 5.1).
const minKeyBits = 2048

// Errors of the registry. The text of ErrNoEmail is Anaplan's own.
var (
	// ErrNoEmail: the certificate names no user.
	ErrNoEmail = errors.New("email should not be blank [null]")
	// ErrDuplicate: the certificate is registered.
	ErrDuplicate = errors.New("the certificate is registered already")
	// ErrNotRegistered: there is no certificate of that id.
	ErrNotRegistered = errors.New("no such certificate")
	// ErrNotOneCertificate: the file is not exactly one PEM certificate.
	ErrNotOneCertificate = errors.New("the file must hold one certificate and nothing else")
	// ErrUnusableKey: the key is not RSA, or too short.
	ErrUnusableKey = errors.New("the certificate's key must be RSA with 2048 bits or more")
)

// Certificate is one line of the administrator's list (contract section 5.2).
type Certificate struct {
	ID         string    `json:"certificateId"` // SHA-256 of the DER, in hex
	UserID     string    `json:"userId"`        // the e-mail address in the certificate
	Expiration time.Time `json:"expirationDate"`
	Enabled    bool      `json:"enabled"`
}

// registry holds the certificates that may log in. Its zero value is empty.
type registry struct {
	mu    sync.Mutex
	certs map[string]Certificate
}

// Register adds a certificate, as an administrator does with a .pem file, and
// with the checks that Anaplan makes there: one CERTIFICATE block with nothing
// before it, an e-mail address, an RSA key of 2048 bits, no duplicate.
func (g *registry) Register(pemFile []byte) (Certificate, error) {
	cert, err := parsePEM(pemFile)
	if err != nil {
		return Certificate{}, err
	}
	return g.RegisterCertificate(cert)
}

// RegisterCertificate is Register for a certificate that is parsed already.
// It refuses neither an expired certificate nor one for servers: whether Anaplan
// does is not documented, and tests want to see such a login fail.
func (g *registry) RegisterCertificate(cert *x509.Certificate) (Certificate, error) {
	if key, ok := cert.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < minKeyBits {
		return Certificate{}, ErrUnusableKey
	}
	email := emailOf(cert)
	if email == "" {
		return Certificate{}, ErrNoEmail
	}
	added := Certificate{ID: idOf(cert), UserID: email, Expiration: cert.NotAfter, Enabled: true}
	return added, g.add(added)
}

// add puts c on the list, unless it is there.
func (g *registry) add(c Certificate) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	// By the whole certificate: a renewed one for the same key is not a duplicate, so that the two
	// can overlap (contract section 5.2).
	if _, ok := g.certs[c.ID]; ok {
		return fmt.Errorf("%w: %s", ErrDuplicate, c.ID)
	}
	if g.certs == nil {
		g.certs = make(map[string]Certificate)
	}
	g.certs[c.ID] = c
	return nil
}

// Certificates returns the registered certificates, ordered by user and id.
func (g *registry) Certificates() []Certificate {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]Certificate, 0, len(g.certs))
	for _, c := range g.certs {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Certificate) int {
		return cmp.Or(cmp.Compare(a.UserID, b.UserID), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Disable makes logins with the certificate of that id fail. Tokens that it got
// before live on.
func (g *registry) Disable(id string) error { return g.enable(id, false) }

// Enable undoes Disable.
func (g *registry) Enable(id string) error { return g.enable(id, true) }

// enable switches the certificate of that id on or off.
func (g *registry) enable(id string, enabled bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.certs[id]
	if !ok {
		return fmt.Errorf("%w: %q", ErrNotRegistered, id)
	}
	c.Enabled = enabled
	g.certs[id] = c
	return nil
}

// Delete removes the certificate of that id.
func (g *registry) Delete(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.certs[id]; !ok {
		return fmt.Errorf("%w: %q", ErrNotRegistered, id)
	}
	delete(g.certs, id)
	return nil
}

// find returns the entry of a certificate. The whole certificate must be the one
// registered: another one for the same key is unknown.
func (g *registry) find(cert *x509.Certificate) (Certificate, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, ok := g.certs[idOf(cert)]
	return c, ok
}

// idOf names a certificate as `openssl x509 -fingerprint -sha256` does, without
// the colons.
func idOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// emailOf returns the address by which a certificate names its user: in the
// subject alternative name, or else in the subject, but never in the common name
// (contract section 5.1).
func emailOf(cert *x509.Certificate) string {
	if len(cert.EmailAddresses) > 0 {
		return cert.EmailAddresses[0]
	}
	return subjectEmail(cert.Subject.Names)
}

// pemCertificate is how a certificate in PEM begins (RFC 7468 section 5.1).
const pemCertificate = "-----BEGIN CERTIFICATE-----"

// parsePEM reads a text that is one certificate from its first byte to its last,
// white space after it aside. Lines may end in LF or CRLF.
func parsePEM(text []byte) (*x509.Certificate, error) {
	if !bytes.HasPrefix(text, []byte(pemCertificate)) {
		return nil, fmt.Errorf("%w: it does not begin with %s", ErrNotOneCertificate, pemCertificate)
	}
	// pem.Decode would step over a first block that is damaged.
	if bytes.Count(text, []byte("-----BEGIN ")) > 1 {
		return nil, fmt.Errorf("%w: there is more than one block", ErrNotOneCertificate)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: its PEM block is damaged", ErrNotOneCertificate)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%w: there is more after the block", ErrNotOneCertificate)
	}
	cert, err := parseDER(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOneCertificate, err)
	}
	return cert, nil
}

// parseDER reads one certificate and nothing behind it. It takes what Java takes, and crypto/x509
// refuses some of that.
func parseDER(der []byte) (*x509.Certificate, error) {
	cert, err := certread.Parse(der)
	if err == nil && !bytes.Equal(cert.Raw, der) {
		err = errors.New("there is more than DER of one certificate")
	}
	return cert, err
}

// oidEmailAddress is the subject attribute emailAddress (RFC 2985 section 5.2.1).
func oidEmailAddress() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
}
