package certfile

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// Bounds of RSA keys. What is below Anaplan refuses; what is above would take minutes to check.
const (
	minBits   = 2048
	maxBits   = 16384
	maxKeyDER = maxBits / 8 * 5 // five numbers of half the size, three of all
)

const rsaOnly = "Anaplan takes RSA keys of 2048 bits or more only; make one with: anaplan-agent enroll"

// Bundle is what was found in a file with keys.
type Bundle struct {
	Keys         []KeyEntry          // at least one
	Certificates []*x509.Certificate // all that there are, those of the keys among them
}

// KeyEntry is a key of a file.
type KeyEntry struct {
	Key         *rsa.PrivateKey
	Name        string              // that a PKCS#12 file gives it (friendlyName); "" if none
	Certificate *x509.Certificate   // its own; nil if it is not in the file
	Chain       []*x509.Certificate // the issuers of Certificate, its own first, as far as they are there
}

// Keys returns the RSA keys in data and the certificates beside them. Which certificate is that of
// which key it tells by the public keys.
//
// It calls password at most once, and only if the file does not open without one or with an empty
// one; what password returns stays the caller's, to clear. An error of password is returned
// wrapped. password nil: there is none.
//
// Errors wrap ErrWrongPassword, ErrNoKey, ErrDamaged or ErrTooLarge, or are an *UnsupportedError:
// all keys are of a kind that Anaplan does not take, or something cannot be read by this package.
// Of several keys those that cannot be used are left out.
func Keys(data []byte, password func() ([]byte, error)) (Bundle, error) {
	return keys(data, password, maxRounds)
}

func keys(data []byte, password func() ([]byte, error), limit int) (Bundle, error) {
	pieces, err := split(data)
	if err != nil {
		return Bundle{}, err
	}
	l := load{decrypter: decrypter{limit: limit}}
	ask := newAsker(password)
	for _, p := range pieces {
		if err := l.addPiece(p, ask); err != nil {
			return Bundle{}, err
		}
	}
	switch {
	case len(l.keys) > 0:
		return l.bundle(), nil
	case l.refused != nil:
		return Bundle{}, l.refused
	case slices.Contains([]kind{openSSH, putty, javaStore}, l.other):
		return Bundle{}, noKey(l.other) // the key is in it, beside the certificates
	case len(l.certs) > 0 || l.unreadable != nil:
		return Bundle{}, noKey(certificate)
	}
	return Bundle{}, noKey(l.other)
}

// bundle pairs keys and certificates.
func (l *load) bundle() Bundle {
	for i := range l.keys {
		entry := &l.keys[i]
		leaf, chain, err := Leaf(l.certs, entry.Key.Public())
		if err != nil {
			continue
		}
		entry.Certificate, entry.Chain = leaf, chain
		if entry.Name == "" {
			entry.Name = l.names[leaf]
		}
	}
	return Bundle{Keys: l.keys, Certificates: l.certs}
}

// asker returns the password, for which it asks once.
type asker func() ([]byte, error)

func newAsker(password func() ([]byte, error)) asker {
	return sync.OnceValues(func() ([]byte, error) {
		if password == nil {
			return nil, nil
		}
		answer, err := password()
		if err != nil {
			return nil, fmt.Errorf("asking for the password: %w", err)
		}
		return answer, nil
	})
}

// try calls open with every password that comes into question, the empty ones first, until it
// returns something else than ErrWrongPassword.
func (a asker) try(open func(passphrase) error) error {
	for _, pass := range emptyPassphrases() {
		if err := open(pass); !errors.Is(err, ErrWrongPassword) {
			return err
		}
	}
	password, err := a()
	if err != nil {
		return err
	}
	for _, pass := range passphrases(password) {
		err = open(pass)
		clear(pass.wide)
		clear(pass.twice)
		if !errors.Is(err, ErrWrongPassword) {
			return err
		}
	}
	return ErrWrongPassword
}

// addPiece takes what is of use for Keys.
func (l *load) addPiece(p piece, ask asker) error {
	switch p.kind {
	case pkcs12:
		return l.addStore(p.der, ask)
	case encryptedPKCS8, legacyPEM:
		var key []byte
		if err := ask.try(func(pass passphrase) (err error) {
			if p.kind == legacyPEM {
				key, err = openLegacy(p.block, pass)
			} else {
				key, err = l.openKey(p.der, pass)
			}
			return err
		}); err != nil {
			return err
		}
		return l.addKey(key, "")
	case pkcs1, pkcs8, ecKey, dsaKey:
		return l.addKey(p.der, "")
	case openSSH:
		return l.addOpenSSH(p.der, ask)
	}
	return l.addCertificates(p)
}

// openLegacy opens a block with the header Proc-Type: 4,ENCRYPTED (RFC 1421 section 4.6.1.1), as
// openssl before version 1.0 wrote by itself and "openssl rsa" does with -traditional.
func openLegacy(block *pem.Block, pass passphrase) ([]byte, error) {
	//lint:ignore SA1019 It is deprecated as this encryption does not show when it was tampered with. Nothing here answers an attacker's questions, and there is no other way to read such keys.
	key, err := x509.DecryptPEMBlock(block, pass.plain)
	cipher, _, _ := strings.Cut(block.Headers["DEK-Info"], ",")
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, ErrWrongPassword
	case err != nil && !slices.Contains([]string{"DES-CBC", "DES-EDE3-CBC", "AES-128-CBC", "AES-192-CBC", "AES-256-CBC"}, cipher):
		return nil, &UnsupportedError{fmt.Sprintf("a key encrypted with %.20q", cipher), "make a PKCS#8 key of it with: openssl pkcs8 -topk8"}
	case err != nil:
		return nil, damaged("the encrypted key has a wrong length or header")
	case !kindOf(key).isKey():
		return nil, ErrWrongPassword // that the padding was right was chance
	}
	return key, nil
}

// addKey takes a key, and clears what it was read from. A key of a kind that cannot be used is only
// remembered: there may be others.
func (l *load) addKey(der []byte, name string) error {
	key, err := parseKey(der)
	clear(der)
	if _, ok := errors.AsType[*UnsupportedError](err); ok {
		if l.refused == nil {
			l.refused = err
		}
		return nil
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(l.keys, func(e KeyEntry) bool { return e.Key.PublicKey.Equal(&key.PublicKey) }) {
		return nil
	}
	if len(l.keys) == maxCount {
		return tooMany("keys")
	}
	l.keys = append(l.keys, KeyEntry{Key: key, Name: name})
	return nil
}

// parseKey reads a key in clear.
func parseKey(der []byte) (*rsa.PrivateKey, error) {
	top := ber.PartsOf(der)
	switch kindOf(der) {
	case pkcs1:
		return parseRSA(der, top)
	case dsaKey:
		return nil, &UnsupportedError{"a DSA key", rsaOnly}
	case ecKey:
		for _, field := range top {
			if named := ber.Parts(field); ber.Shape([]asn1.RawValue{field}) == "0" && len(named) == 1 {
				return nil, ecRefusal(named[0])
			}
		}
		return nil, ecRefusal(asn1.RawValue{})
	case pkcs8:
		return parsePKCS8(top)
	}
	return nil, damaged("a key in it has a wrong structure")
}

// parsePKCS8 reads the parts of a PKCS#8 key (RFC 5958 section 2).
func parsePKCS8(top []asn1.RawValue) (*rsa.PrivateKey, error) {
	algorithm := ber.Parts(top[1])
	if len(algorithm) == 0 {
		return nil, damaged("a key in it has a wrong structure")
	}
	switch oid := ber.OID(algorithm[0]); {
	case oid == oidRSA:
		return parseRSA(top[2].Bytes, ber.PartsOf(top[2].Bytes))
	case len(algorithm) > 1:
		return nil, &UnsupportedError{certread.KindOfKey(oid, algorithm[1]), rsaOnly}
	default:
		return nil, &UnsupportedError{certread.KindOfKey(oid, asn1.RawValue{}), rsaOnly}
	}
}

func ecRefusal(curve asn1.RawValue) error {
	return &UnsupportedError{certread.KindOfKey(oidEC, curve), rsaOnly}
}

// parseRSA reads a PKCS#1 key, the parts of which are top. How large it is it sees before it
// calculates with it.
func parseRSA(der []byte, top []asn1.RawValue) (*rsa.PrivateKey, error) {
	broken := damaged("the numbers of an RSA key in it do not fit together")
	if len(top) < 9 {
		return nil, broken
	}
	modulus := bytes.TrimLeft(top[1].Bytes, "\x00")
	if bits := len(modulus) * 8; bits > maxBits || len(der) > maxKeyDER {
		return nil, &UnsupportedError{fmt.Sprintf("an RSA key of more than %d bits", maxBits), rsaOnly}
	} else if bits < minBits {
		return nil, &UnsupportedError{fmt.Sprintf("an RSA key of %d bits", bits), rsaOnly}
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, broken
	}
	if err := key.Validate(); err != nil {
		return nil, broken
	}
	if bits := key.N.BitLen(); bits < minBits {
		return nil, &UnsupportedError{fmt.Sprintf("an RSA key of %d bits", bits), rsaOnly}
	}
	return key, nil
}
