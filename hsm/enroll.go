//go:build cgo

package hsm

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Generate makes an RSA key in the token, which never leaves it and can only
// sign; on a TPM it can decrypt, too, because tpm2-pkcs11 signs by the TPM's
// decryption. The address names it: object becomes its label, and must be there; id its
// id, or else 16 random bytes. It returns hardware.ErrKeyExists if the token has a private
// key of that label or id.
func Generate(ctx context.Context, address uri.URI, spec KeySpec, options Options) (KeyInfo, error) {
	key, err := named(address)
	if err != nil {
		return KeyInfo{}, err
	}
	if err := hardware.CheckNew(spec.Bits); err != nil {
		return KeyInfo{}, err
	}
	if len(key.id) == 0 {
		key.id = make([]byte, 16)
		rand.Read(key.id)
	}
	return visit(ctx, address, options, token.open, func(keys *keyring) (KeyInfo, error) {
		return key.generate(ctx, keys, spec)
	})
}

// newKey is a key to be made.
type newKey struct {
	label    string
	id       []byte
	decrypts bool
}

// named returns the key to be made that an address names, without an id where that has none.
func named(address uri.URI) (newKey, error) {
	label, _ := address.Get("object")
	if label == "" {
		return newKey{}, fmt.Errorf("%s: the key needs a name: add ;object=NAME", address)
	}
	id, _ := address.ID()
	return newKey{label: label, id: id}, nil
}

// generate looks first, then writes. crypto11 opens the module again, so the look is over when the
// key is made, and two enrolments at the same time can both succeed. Their ids differ then, and
// Open says that the label fits two keys.
func (n newKey) generate(ctx context.Context, keys *keyring, spec KeySpec) (info KeyInfo, err error) {
	if err := n.isFree(keys.session); err != nil {
		return info, err
	}
	n.decrypts = keys.isTPM()
	var public *rsa.PublicKey
	err = keys.user.write(ctx, "generating the key", func(token *crypto11.Context) (err error) {
		if spec.Before != nil {
			if err := spec.Before(); err != nil {
				return err
			}
		}
		public, err = n.make(token, spec.Bits)
		return err
	})
	if err != nil {
		return info, err
	}
	made := listedKey{&keyObject{id: n.id, label: n.label, kind: pkcs11.CKK_RSA, public: public}, nil}
	info = made.info(keys.address)
	info.NeverExtractable = true // it was just asked for, and the token made the key
	info.Problem = hardware.ErrNoCertificate
	return info, nil
}

// isFree refuses to make a second key of the same name: an address that fits two
// keys fits none.
func (n newKey) isFree(s *session) error {
	for _, name := range []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, n.label), pkcs11.NewAttribute(pkcs11.CKA_ID, n.id)} {
		handles, err := s.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), name)
		if err != nil {
			return err
		}
		if len(handles) == 0 {
			continue
		}
		k, err := s.readKey(handles[0])
		if err != nil {
			return err
		}
		return fmt.Errorf("%w: %s (%s)", hardware.ErrKeyExists, k.address(s.address), keyType(k.kind))
	}
	return nil
}

// make makes the key pair. What is not said here is left to the token; what is
// said keeps the key in it and lets it sign only.
func (n newKey) make(token *crypto11.Context, bits int) (*rsa.PublicKey, error) {
	public, err := crypto11.NewAttributeSetWithIDAndLabel(n.id, []byte(n.label))
	if err != nil {
		return nil, err
	}
	private := public.Copy()
	// Said although most tokens do so unasked: defaults are theirs to choose, and what
	// was once extractable can be on a backup for ever. CKA_EXTRACTABLE false cannot be
	// taken back (PKCS#11 section 4.9).
	err = errors.Join(
		public.Set(crypto11.CkaVerify, true), public.Set(crypto11.CkaEncrypt, n.decrypts), public.Set(crypto11.CkaWrap, false),
		private.Set(crypto11.CkaPrivate, true), private.Set(crypto11.CkaSensitive, true), private.Set(crypto11.CkaExtractable, false),
		private.Set(crypto11.CkaSign, true), private.Set(crypto11.CkaDecrypt, n.decrypts), private.Set(crypto11.CkaUnwrap, false),
	)
	if err != nil {
		return nil, err
	}
	// The public exponent is left to crypto11, which asks for 65537.
	pair, err := token.GenerateRSAKeyPairWithAttributes(public, private, bits)
	if err != nil {
		return nil, err
	}
	return pair.Public().(*rsa.PublicKey), nil
}

// StoreCertificate stores the certificate of the key that address names beside
// it, under the key's id and label. It reports whether it did: a certificate that
// is there already is not stored twice. Older ones stay.
func StoreCertificate(ctx context.Context, address uri.URI, certificate *x509.Certificate, options Options) (stored bool, err error) {
	if certificate == nil {
		return false, fmt.Errorf("%s: %w to store", address, hardware.ErrNoCertificate)
	}
	options.Certificate = certificate // which tells the key from others of its name
	return visit(ctx, address, options, token.open, func(keys *keyring) (bool, error) {
		return keys.store(ctx, address, certificate)
	})
}

// store is StoreCertificate for somebody who has logged in.
func (r *keyring) store(ctx context.Context, address uri.URI, certificate *x509.Certificate) (stored bool, err error) {
	k, err := r.key(ctx, address)
	if err != nil {
		return false, err
	}
	// The key may have been chosen without looking at the certificate.
	pairs, err := r.pairs(ctx, k, certificate.PublicKey)
	if err == nil && !pairs {
		err = fmt.Errorf("%w: %s is not that of %s", hardware.ErrCertificateMismatch, certificate.Subject, k.address(r.address))
	}
	if err != nil {
		return false, err
	}
	// No write, and so no second question on a PIN pad, for what is there beside the key already.
	if there, err := r.holds(certificate, certificateSearches(k)[0]...); there || err != nil {
		return false, err
	}
	return true, r.user.write(ctx, "storing the certificate", func(token *crypto11.Context) error {
		return add(token, k, certificate)
	})
}

// add adds the certificate of a key. crypto11 fills in CKA_SUBJECT, CKA_ISSUER and the
// other attributes of certificates (PKCS#11 section 4.6.3).
func add(token *crypto11.Context, k *keyObject, certificate *x509.Certificate) error {
	attributes := crypto11.NewAttributeSet()
	var err error
	if len(k.id) > 0 {
		err = attributes.Set(crypto11.CkaId, k.id)
	}
	if k.label != "" && err == nil {
		err = attributes.Set(crypto11.CkaLabel, []byte(k.label))
	}
	if err != nil {
		return err
	}
	return token.ImportCertificateWithAttributes(attributes, certificate)
}
