//go:build cgo

package hsm

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/loader"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// crypto11Author is an author by crypto11 on a token.
type crypto11Author struct {
	*crypto11.Context
	token
}

// generate implements author. crypto11 asks for the usual exponent. It fails as well where it has
// made the key and cannot read it.
func (a crypto11Author) generate(n newKey, bits int) (*keyObject, error) {
	pair, err := a.GenerateRSAKeyPairWithAttributes(attributeSet(n.Public()), attributeSet(n.Private()), bits)
	if err != nil {
		if made := a.look(n); made != nil {
			return made, nil
		}
		return nil, err
	}
	made := &keyObject{label: n.Label, id: n.ID, kind: pkcs11.CKK_RSA, public: pair.Public().(*rsa.PublicKey)}
	// Some tokens choose the names themselves. What one does not tell it most likely took.
	if label, err := a.GetAttribute(pair, pkcs11.CKA_LABEL); err == nil && label != nil {
		made.label = string(label.Value)
	}
	if id, err := a.GetAttribute(pair, pkcs11.CKA_ID); err == nil && id != nil {
		made.id = id.Value
	}
	return made, nil
}

// look finds the key that was to be made; nil where there is none.
func (a crypto11Author) look(n newKey) (made *keyObject) {
	a.beside(token.open, func(s *session) error {
		keys, _ := s.findKeys(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_LABEL, n.Label))
		if len(keys) == 1 {
			made = keys[0]
		}
		return nil
	})
	return made
}

// refuses implements author.
func (a crypto11Author) refuses(n newKey) (attribute uint) {
	a.beside(token.openToWrite, func(s *session) error {
		attribute = s.refuses(n)
		return nil
	})
	return attribute
}

// settle implements author.
func (a crypto11Author) settle(made *keyObject) (address uri.URI, err error) {
	err = a.beside(token.openToWrite, func(s *session) error {
		address, err = s.settle(made)
		return err
	})
	if errors.Is(err, errNotBeside) {
		return made.address(a.token.brief), nil
	}
	return address, err
}

// errNotBeside: the module does not open a second session.
var errNotBeside = errors.New("no session beside crypto11's")

// beside has work done in a session beside crypto11's: what is loaded a second time sees its login.
func (a crypto11Author) beside(open opener, work func(*session) error) error {
	p := pkcs11.New(loader.ForC(a.path))
	if p == nil {
		return errNotBeside
	}
	defer p.Destroy()
	again := a.token
	again.module = &module{Ctx: p, path: a.path}
	s, err := open(again)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotBeside, err)
	}
	defer s.CloseSession(s.handle)
	return work(s)
}

// store implements author. crypto11 fills in CKA_SUBJECT, CKA_ISSUER and the other attributes of
// certificates (PKCS#11 section 4.6.3).
func (a crypto11Author) store(k *keyObject, certificate *x509.Certificate) error {
	return a.ImportCertificateWithAttributes(attributeSet(k.names()), certificate)
}

// attributeSet is a template as crypto11 takes it.
func attributeSet(template []*pkcs11.Attribute) crypto11.AttributeSet {
	set := crypto11.NewAttributeSet()
	set.AddIfNotPresent(template)
	return set
}

// generate implements author. A key that cannot be read is taken away again, as nobody would find it.
func (s *session) generate(n newKey, bits int) (*keyObject, error) {
	half, handle, err := s.makePair(n.Public(), n.Private(), bits)
	if err != nil {
		return nil, err
	}
	made, err := s.readKey(handle)
	if err == nil && made.public == nil { // the token tells it of the public half only
		var other *keyObject
		if other, err = s.readKey(half); err == nil {
			made.public = other.public
		}
	}
	if err != nil {
		_, _ = s.DestroyObject(s.handle, half), s.DestroyObject(s.handle, handle)
	}
	return made, err
}

// makePair makes an RSA key pair.
func (s *session) makePair(public, private []*pkcs11.Attribute, bits int) (half, handle pkcs11.ObjectHandle, err error) {
	public = append(public,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, bits))
	private = append(private,
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA))
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)}
	return s.GenerateKeyPair(s.handle, mechanism, public, private)
}

// refuses implements author. It asks for keys that live no longer than the session: for one as it is
// wanted, which has to be refused as well, and then for one without each attribute. One that is made
// is taken away again.
func (s *session) refuses(n newKey) uint {
	if s.makesWithout(n, noAttribute) {
		return 0
	}
	for _, attribute := range attribute.Refusable {
		if s.makesWithout(n, attribute) {
			return attribute
		}
	}
	return 0
}

// noAttribute is not the number of any attribute (PKCS#11 section 4.1: it is vendors' at most).
const noAttribute = 1<<32 - 1

// makesWithout reports whether the token makes a key pair, for the session, without an attribute.
func (s *session) makesWithout(n newKey, attribute uint) bool {
	brief := func(template []*pkcs11.Attribute) []*pkcs11.Attribute {
		template = slices.DeleteFunc(template, func(a *pkcs11.Attribute) bool { return a.Type == attribute || a.Type == pkcs11.CKA_TOKEN })
		return append(template, pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false))
	}
	half, handle, err := s.makePair(brief(n.Public()), brief(n.Private()), everywhere)
	if err == nil {
		_, _ = s.DestroyObject(s.handle, half), s.DestroyObject(s.handle, handle)
	}
	return err == nil
}

// store implements author.
func (s *session) store(k *keyObject, certificate *x509.Certificate) error {
	object, err := template.Certificate(certificate, k.names())
	if err == nil {
		_, err = s.CreateObject(s.handle, object)
	}
	return err
}
