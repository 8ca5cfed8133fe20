//go:build cgo

package hsm

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Generate makes an RSA key in the token, which never leaves it and can only
// sign; on a TPM it can decrypt, too, because tpm2-pkcs11 signs by the TPM's
// decryption. The address names it: object becomes its label, and must be there; id its
// id, or else 16 random bytes. It returns hardware.ErrKeyExists if the token has a private
// key of that label or id, and a RefusalError if the token makes no such key.
func Generate(ctx context.Context, address uri.URI, spec KeySpec, options Options) (KeyInfo, error) {
	key, err := named(address)
	if err != nil {
		return KeyInfo{}, err
	}
	if err := hardware.CheckNew(spec.Bits); err != nil {
		return KeyInfo{}, err
	}
	if len(key.ID) == 0 {
		key.ID = make([]byte, 16)
		rand.Read(key.ID)
	}
	return visit(ctx, address, options, token.open, func(keys *keyring) (KeyInfo, error) {
		return key.generate(ctx, keys, spec)
	})
}

type newKey struct{ template.Key }

// named returns the key to be made that an address names, without an id where that has none.
func named(address uri.URI) (newKey, error) {
	label, _ := address.Get("object")
	if label == "" {
		return newKey{}, fmt.Errorf("%s: the key needs a name: add ;object=NAME", address)
	}
	id, _ := address.ID()
	return newKey{template.Key{Label: label, ID: id}}, nil
}

// generate looks first, then writes. crypto11 opens the module again, so the look is over when the
// key is made, and two enrolments at the same time can both succeed. Their ids differ then, and
// Open says that the label fits two keys.
func (n newKey) generate(ctx context.Context, keys *keyring, spec KeySpec) (info KeyInfo, err error) {
	if err := n.isFree(keys.session); err != nil {
		return info, err
	}
	n.Decrypts = keys.isTPM()
	refused := n.refusedBy(keys.token, spec.Bits)
	refused.Longest = keys.longest(spec.Bits)
	var made *keyObject
	var answer, taken error
	var attribute uint
	address := keys.brief.With("object", n.Label) // which was free
	err = keys.user.write(ctx, "generating the key", func(a author) (err error) {
		if spec.Before != nil {
			if err := spec.Before(); err != nil {
				return err
			}
		}
		made, answer = a.generate(n, spec.Bits)
		if (rv.Is(answer, rv.AboutTemplates...) || rv.Is(answer, rv.Unclear...) && !n.Decrypts) && !refused.isLong() {
			attribute = a.refuses(n)
		}
		if answer == nil && made.label != n.Label {
			address, taken = a.settle(made)
		}
		return answer
	})
	switch {
	case err != nil:
		return info, n.orNotMade(refused, err, answer, attribute)
	case taken != nil:
		return info, taken
	}
	info = listedKey{keyObject: made}.info(address)
	info.NeverExtractable = true // it was just asked for, and the token made the key
	info.Problem = hardware.ErrNoCertificate
	return info, nil
}

// isFree refuses to make a second key of the same name.
func (n newKey) isFree(s *session) error {
	there, err := n.namesake(s)
	if there != nil {
		err = s.exists(there)
	}
	return err
}

// namesake returns a key of the same label or id; nil for none. An address that fits two keys fits
// none. The label may be that of its certificate.
func (n newKey) namesake(s *session) (*keyObject, error) {
	for _, address := range []uri.URI{uri.URI{}.With("object", n.Label), uri.URI{}.With("id", string(n.ID))} {
		keys, err := s.privateKeys(address)
		if len(keys) > 0 || err != nil {
			return first(keys), err
		}
	}
	return nil, nil
}

// StoreCertificate stores the certificate of the key that address names beside
// it, under the key's id and label. It reports whether it did: a certificate that
// is there already is not stored twice. Older ones stay. A token that does not keep it returns
// hardware.ErrNotKept, and one that fails at it hardware.ErrNotStored.
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
			fmt.Errorf("%w: %s is not that of %s", hardware.ErrCertificateMismatch, certread.Name(certificate.Subject), r.tell(k)))
	}
	if err != nil {
		return false, err
	}
	// No write, and so no second question on a PIN pad, for what is there beside the key already.
	if there, err := r.holds(certificate, certificateSearches(k)[0]...); there || err != nil {
		return false, err
	}
	err = r.user.write(ctx, "storing the certificate", func(a author) error {
		return a.store(k, certificate)
	})
	return err == nil, orNotKept(err)
}
