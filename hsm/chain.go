//go:build cgo

package hsm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// StoreChain stores CA certificates on the token that address names, for programs that want the
// whole chain beside the key. A login needs only the key's own certificate, which StoreCertificate
// stores. A CA's certificate gets its name as label and its key identifier as id, so that it is not
// taken for the key's. It returns how many it has stored: those that are there already are not
// stored twice, so a call after a failure goes on where that one stopped.
func StoreChain(ctx context.Context, address uri.URI, chain []*x509.Certificate, options Options) (stored int, err error) {
	for i, certificate := range chain {
		if err := authority(certificate); err != nil {
			return 0, fmt.Errorf("certificate %d of the chain: %w", i+1, err)
		}
	}
	if len(chain) == 0 {
		return 0, nil
	}
	return visit(ctx, address, options, token.openToWrite, func(keys *keyring) (int, error) {
		return storeChain(ctx, &works{user: keys.user}, chain)
	})
}

// authority returns why a certificate is not a CA's. Version 1 does not say, and some old roots
// are of version 1.
func authority(certificate *x509.Certificate) error {
	switch {
	case certificate == nil:
		return errors.New("it is missing")
	case !certificate.IsCA && certificate.Version >= 3:
		return fmt.Errorf("%s is not a CA; the key's own certificate is stored by itself", certread.Name(certificate.Subject))
	}
	return nil
}

func storeChain(ctx context.Context, w *works, chain []*x509.Certificate) (stored int, err error) {
	for _, certificate := range chain {
		there, err := w.user.holds(certificate, // under any name
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), pkcs11.NewAttribute(pkcs11.CKA_SUBJECT, certificate.RawSubject))
		if err == nil && !there {
			err = w.addAuthority(ctx, certificate)
		}
		if err != nil {
			return stored, fmt.Errorf("%s: %w", certread.Name(certificate.Subject), err)
		}
		if !there {
			stored++
		}
	}
	return stored, nil
}

// categoryAuthority is CK_CERTIFICATE_CATEGORY_AUTHORITY (PKCS#11 section 4.6.2).
const categoryAuthority = 2

// addAuthority stores a CA's certificate. The category is a help to others; a token that
// does not know it gets the certificate without.
func (w *works) addAuthority(ctx context.Context, certificate *x509.Certificate) error {
	const doing = "storing the CA's certificate"
	object, err := template.Authority(certificate)
	if err != nil {
		return err
	}
	category := pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_CATEGORY, categoryAuthority)
	_, err = w.add(ctx, doing, append(object, category))
	if rv.Is(err, pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID, pkcs11.CKR_TEMPLATE_INCONSISTENT) {
		_, err = w.add(ctx, doing, object)
	}
	return w.fail(doing, err)
}
