//go:build cgo

package hsm

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Some tokens name keys themselves, whatever they are asked for (GIDS cards, NetHSM). Where they give
// several keys the same names, no address means one of them.

// settle returns the address of a key that was just made, and that the token has not given the label that
// was asked for. If another key has these names, too, it takes the new one away again, for nobody could
// use either.
func (s *session) settle(made *keyObject) (uri.URI, error) {
	other, err := s.twin(made)
	if err != nil || other == nil {
		return s.tell(made), err
	}
	err = s.sameNames(other)
	if made.handle == 0 {
		return uri.URI{}, fmt.Errorf("%w; the new one is still there", err)
	}
	doomed := []pkcs11.ObjectHandle{made.handle}
	if made.public != nil {
		halves, _ := s.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), pkcs11.NewAttribute(pkcs11.CKA_MODULUS, made.public.N.Bytes()))
		doomed = append(doomed, halves...)
	}
	w := works{user: &user{login: &login{session: s, progress: new(progress.Progress)}}, handles: doomed}
	return uri.URI{}, w.takeBack(err, made.address(s.brief))
}

// noTwin refuses an imported key that the token has given the names of another one.
func (s *session) noTwin(made *keyObject) error {
	other, err := s.twin(made)
	if err == nil && other != nil {
		err = s.sameNames(other)
	}
	return err
}

// twin returns another private key with the label and the id of one that was just made; nil for none. The
// handle of the new one is found out on the way, where its maker does not tell it.
func (s *session) twin(made *keyObject) (*keyObject, error) {
	same, err := s.findKeys(append(made.names(), pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))...)
	if err != nil {
		return nil, err
	}
	if made.handle == 0 {
		at := slices.IndexFunc(same, func(k *keyObject) bool { return made.public != nil && made.public.Equal(k.public) })
		switch {
		case at >= 0:
			made.handle = same[at].handle
		case len(same) == 1:
			made.handle = same[0].handle
		}
	}
	return first(slices.DeleteFunc(same, func(k *keyObject) bool { return k.handle == made.handle })), nil
}

// tell returns the address that a person gets of a private key: by what shortest decides, among all on the
// token.
func (s *session) tell(k *keyObject) uri.URI {
	return s.tellAmong(k, nil)
}

// tellAmong is tell where some keys are known, which spares the token questions.
func (s *session) tellAmong(k *keyObject, known []*keyObject) uri.URI {
	return s.tellOf(pkcs11.CKO_PRIVATE_KEY, k, known)
}

// tellOf is tellAmong for keys of a class.
func (s *session) tellOf(class uint, k *keyObject, known []*keyObject) uri.URI {
	label := k.label != "" && !slices.ContainsFunc(known, func(x *keyObject) bool { return x != k && x.label == k.label })
	id := len(k.id) > 0 && !slices.ContainsFunc(known, func(x *keyObject) bool { return x != k && bytes.Equal(x.id, k.id) })
	return k.shortest(s.brief, label && s.isOneOf(1, class, pkcs11.CKA_LABEL, k.label), id && s.isOneOf(1, class, pkcs11.CKA_ID, k.id), false)
}

// isOneOf reports whether so many keys of a class have an attribute.
func (s *session) isOneOf(many int, class, attribute uint, value any) bool {
	found, err := s.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(attribute, value))
	return err == nil && len(found) == many
}

// sameNames is the error that the token has given a new key, which will go again, the names of another one.
func (s *session) sameNames(other *keyObject) error {
	label := other.label != "" && s.isOneOf(2, pkcs11.CKO_PRIVATE_KEY, pkcs11.CKA_LABEL, other.label)
	id := len(other.id) > 0 && s.isOneOf(2, pkcs11.CKO_PRIVATE_KEY, pkcs11.CKA_ID, other.id)
	address := other.shortest(s.brief, label, id, false).String()
	return &hardware.KeyExistsError{
		OnlyOne: true, Address: address, Text: address + ", and the token has given the same names to a new key, which is taken away again, as no address would mean one of them",
	}
}

// exists is hardware.ErrKeyExists with the key's address.
func (s *session) exists(k *keyObject) error {
	address := s.tell(k).String()
	return &hardware.KeyExistsError{Address: address, Text: fmt.Sprintf("%s (%s)", address, attribute.KeyType(k.kind))}
}
