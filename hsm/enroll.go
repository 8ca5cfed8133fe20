//go:build cgo

package hsm

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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

// make makes the key pair, with the usual exponent, which crypto11 asks for.
func (n newKey) make(token *crypto11.Context, bits int) (*rsa.PublicKey, error) {
	public := append(n.template(),
		pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, n.decrypts), pkcs11.NewAttribute(pkcs11.CKA_WRAP, false))
	pair, err := token.GenerateRSAKeyPairWithAttributes(attributeSet(public), attributeSet(n.privateTemplate()), bits)
	if err != nil {
		return nil, err
	}
	return pair.Public().(*rsa.PublicKey), nil
}

// attributeSet is a template as crypto11 takes it.
func attributeSet(template []*pkcs11.Attribute) crypto11.AttributeSet {
	set := crypto11.NewAttributeSet()
	set.AddIfNotPresent(template)
	return set
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

func (r *keyring) store(ctx context.Context, address uri.URI, certificate *x509.Certificate) (stored bool, err error) {
	k, err := r.key(ctx, address)
	if err != nil {
		return false, err
	}
	// The key may have been chosen without looking at the certificate.
	pairs, err := r.pairs(ctx, k, certificate.PublicKey)
	if err == nil && !pairs {
		err = cmp.Or(hardware.OtherKind(certificate),
			fmt.Errorf("%w: %s is not that of %s", hardware.ErrCertificateMismatch, certificate.Subject, k.address(r.address)))
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
	var name []*pkcs11.Attribute
	if len(k.id) > 0 {
		name = append(name, pkcs11.NewAttribute(pkcs11.CKA_ID, k.id))
	}
	if k.label != "" {
		name = append(name, pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.label))
	}
	return token.ImportCertificateWithAttributes(attributeSet(name), certificate)
}
