//go:build cgo

package hsm

import (
	"bytes"
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
	label, ok := address.Get("object")
	if !ok || label == "" {
		return KeyInfo{}, fmt.Errorf("%s: the key needs a name: add ;object=NAME", address)
	}
	if err := hardware.CheckNew(spec.Bits); err != nil {
		return KeyInfo{}, err
	}
	id, ok := address.ID()
	if !ok || len(id) == 0 {
		id = make([]byte, 16)
		rand.Read(id)
	}
	key := newKey{label: label, id: id, bits: spec.Bits, before: spec.Before}
	return call(ctx, address,
		func(p *progress) (KeyInfo, error) { return key.generate(ctx, address, options, p) },
		forget)
}

// newKey is a key to be made.
type newKey struct {
	label    string
	id       []byte
	bits     int
	decrypts bool
	before   func() error // nil: nothing is to be called
}

// generate looks first, then writes. crypto11 opens the module again, so the look is over when the
// key is made, and two enrolments at the same time can both succeed. Their ids differ then, and
// Open says that the label fits two keys.
func (n newKey) generate(ctx context.Context, address uri.URI, options Options, progress *progress) (info KeyInfo, err error) {
	v, err := enter(ctx, address, options, progress)
	if err != nil {
		return info, err
	}
	defer v.leave()
	if err := n.isFree(v); err != nil {
		return info, err
	}
	n.decrypts = v.isTPM()
	var public *rsa.PublicKey
	err = v.write(ctx, "generating the key", func(token *crypto11.Context) (err error) {
		if n.before != nil {
			if err := n.before(); err != nil {
				return err
			}
		}
		public, err = n.make(token)
		return err
	})
	if err != nil {
		return info, err
	}
	made := listedKey{&keyObject{id: n.id, label: n.label, kind: pkcs11.CKK_RSA, public: public}, nil}
	info = v.keyInfo(made)
	info.NeverExtractable = true // it was just asked for, and the token made the key
	info.Problem = hardware.ErrNoCertificate
	return info, nil
}

// isFree refuses to make a second key of the same name: an address that fits two
// keys fits none.
func (n newKey) isFree(v *visit) error {
	for _, name := range []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, n.label), pkcs11.NewAttribute(pkcs11.CKA_ID, n.id)} {
		handles, err := v.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), name)
		if err != nil {
			return err
		}
		if len(handles) == 0 {
			continue
		}
		k, err := v.readKey(handles[0])
		if err != nil {
			return err
		}
		return fmt.Errorf("%w: %s (%s)", hardware.ErrKeyExists, k.address(v.address), keyType(k.kind))
	}
	return nil
}

// make makes the key pair. What is not said here is left to the token; what is
// said keeps the key in it and lets it sign only.
func (n newKey) make(token *crypto11.Context) (*rsa.PublicKey, error) {
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
	pair, err := token.GenerateRSAKeyPairWithAttributes(public, private, n.bits)
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
	return call(ctx, address,
		func(p *progress) (bool, error) { return storeCertificate(ctx, address, options, p) },
		forget)
}

// storeCertificate is StoreCertificate in the goroutine that may be left behind.
func storeCertificate(ctx context.Context, address uri.URI, options Options, progress *progress) (stored bool, err error) {
	v, err := enter(ctx, address, options, progress)
	if err != nil {
		return false, err
	}
	defer v.leave()
	k, err := v.key(ctx, address)
	if err != nil {
		return false, err
	}
	// The key may have been chosen without looking at the certificate.
	certificate := options.Certificate
	pairs, err := v.pairs(ctx, k, certificate.PublicKey)
	if err == nil && !pairs {
		err = fmt.Errorf("%w: %s is not that of %s", hardware.ErrCertificateMismatch, certificate.Subject, k.address(v.address))
	}
	if err != nil {
		return false, err
	}
	// No write, and so no second question on a PIN pad, for what is there.
	if there, err := v.holds(k, certificate); there || err != nil {
		return false, err
	}
	return true, v.write(ctx, "storing the certificate", func(token *crypto11.Context) error {
		return store(token, k, certificate)
	})
}

// holds reports whether the certificate is beside the key already, so that repeating a step of an
// enrolment does not fill the token.
func (v *visit) holds(k *keyObject, certificate *x509.Certificate) (bool, error) {
	handles, err := v.find(certificateSearches(k)[0]...)
	if err != nil {
		return false, err
	}
	for _, handle := range handles {
		info, err := v.readCertificate(handle)
		if err != nil {
			return false, err
		}
		if info.Certificate != nil && bytes.Equal(info.Certificate.Raw, certificate.Raw) {
			return true, nil
		}
	}
	return false, nil
}

// store adds the certificate. crypto11 fills in CKA_SUBJECT, CKA_ISSUER and the
// other attributes of certificates (PKCS#11 section 4.6.3).
func store(token *crypto11.Context, k *keyObject, certificate *x509.Certificate) error {
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
