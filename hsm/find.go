//go:build cgo

package hsm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Keys are found by what the address says of them, in one search on the token: a
// token with a thousand keys is not read through for one. What is found is then
// looked at here, since a search cannot tell a key that can log in from one that
// cannot.

// keyring is what is on a token for somebody who has logged in: its keys, and the certificates that
// belong to them.
type keyring struct {
	*session
	user        *user
	certificate *x509.Certificate // that the caller gave; nil: it is on the token
	public      *rsa.PublicKey    // that the caller gave for a request
	now         time.Time
}

func (r *keyring) key(ctx context.Context, address uri.URI) (*keyObject, error) {
	fitting, err := r.fitting(ctx, address)
	if err != nil {
		return nil, err
	}
	return r.only(fitting)
}

// certifiedKey is key for a login, which needs a certificate. It returns the
// addresses of the keys that were passed over, too.
func (r *keyring) certifiedKey(ctx context.Context, address uri.URI) (k *keyObject, others []uri.URI, err error) {
	fitting, err := r.fitting(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	certified, err := r.certifiedOf(ctx, fitting)
	if err != nil {
		return nil, nil, err
	}
	if k, err = r.only(certified); err != nil {
		return nil, nil, err
	}
	for _, other := range fitting {
		if other != k {
			others = append(others, r.tell(other))
		}
	}
	return k, others, nil
}

// searchFor returns the search for objects of a class that the address names. The type that the
// address may have is not looked at: an address copied from a certificate or a public key means
// the private key that belongs to it.
func searchFor(address uri.URI, class uint) []*pkcs11.Attribute {
	wanted := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if label, ok := address.Get("object"); ok {
		wanted = append(wanted, pkcs11.NewAttribute(pkcs11.CKA_LABEL, label))
	}
	if id, ok := address.ID(); ok {
		wanted = append(wanted, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	return wanted
}

// privateKeys returns the private keys that the address names. Some tokens (NSS, PIV
// cards behind OpenSC) put the label on the certificate only or give the two
// different labels; then the certificate's id leads to the key.
func (s *session) privateKeys(address uri.URI) ([]*keyObject, error) {
	handles, err := s.find(searchFor(address, pkcs11.CKO_PRIVATE_KEY)...)
	if _, labelled := address.Get("object"); len(handles) == 0 && labelled && err == nil {
		handles, err = s.findByCertificate(address)
	}
	if err != nil {
		return nil, err
	}
	return s.readKeys(handles)
}

func (s *session) readKeys(handles []pkcs11.ObjectHandle) (keys []*keyObject, err error) {
	keys = make([]*keyObject, len(handles))
	for i, handle := range handles {
		if keys[i], err = s.readKey(handle); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// findKeys reads the keys that fit the template, which says that it is for them.
func (s *session) findKeys(template ...*pkcs11.Attribute) ([]*keyObject, error) {
	handles, err := s.find(template...)
	if err != nil {
		return nil, err
	}
	return s.readKeys(handles)
}

// findByCertificate returns the private keys with the id of a certificate that
// the address names. Several certificates of one key (an old one and its renewal)
// lead to it once.
func (s *session) findByCertificate(address uri.URI) ([]pkcs11.ObjectHandle, error) {
	certificates, err := s.findCertificates(searchFor(address, pkcs11.CKO_CERTIFICATE)...)
	if err != nil {
		return nil, err
	}
	var found []pkcs11.ObjectHandle
	seen := map[string]bool{"": true}
	for _, certificate := range certificates {
		id := string(certificate.ID)
		if seen[id] {
			continue
		}
		seen[id] = true
		handles, err := s.find(searchFor(address.Without("object").With("id", id), pkcs11.CKO_PRIVATE_KEY)...)
		if err != nil {
			return nil, err
		}
		found = append(found, handles...)
	}
	return found, nil
}

// fitting returns the keys that the address names and a login could use; at least
// one. Of several it is the one whose certificate the caller has, if there is one.
func (r *keyring) fitting(ctx context.Context, address uri.URI) ([]*keyObject, error) {
	found, err := r.privateKeys(address)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, r.noKey(address)
	}
	// An EC key of the same label does not compete: it could never log in.
	usable := slices.DeleteFunc(slices.Clone(found), func(k *keyObject) bool { return k.unusable() != nil })
	if len(usable) == 0 {
		return nil, fmt.Errorf("%s: %w", r.tell(found[0]), found[0].unusable())
	}
	// Comparing may cost a signature, so a single key is compared only where its certificate is
	// wanted.
	if len(usable) > 1 && r.certificate != nil {
		paired, err := r.pairedWith(ctx, usable, r.certificate)
		if err != nil {
			return nil, err
		}
		if len(paired) == 1 {
			return paired, nil
		}
	}
	return usable, nil
}

// only returns the one key there is. Of several it takes none.
func (r *keyring) only(keys []*keyObject) (*keyObject, error) {
	if len(keys) > 1 {
		return nil, r.ambiguous(keys)
	}
	return keys[0], nil
}

// certifiedOf returns those of several keys that have a certificate, or all if none has. A key
// without one (somebody else's of the same label, or one whose enrolment is not over) cannot log
// in, so passing it over is not a guess. One whose certificate has ended stays: the other may be
// another person's. It does not look beyond what an error lists, for the price that ambiguous
// names.
func (r *keyring) certifiedOf(ctx context.Context, keys []*keyObject) ([]*keyObject, error) {
	if len(keys) == 1 || len(keys) > hardware.MostListed {
		return keys, nil
	}
	var certified []*keyObject
	for _, k := range keys {
		// A key that hides its modulus would have to sign to be looked at.
		if k.public == nil {
			return keys, nil
		}
		_, _, err := r.certificateFor(ctx, k)
		switch {
		case errors.Is(err, hardware.ErrNoCertificate) || errors.Is(err, hardware.ErrCertificateMismatch):
		case err == nil || errors.Is(err, hardware.ErrCertificateExpired) || errors.Is(err, hardware.ErrCertificateNotYetValid):
			certified = append(certified, k)
		default:
			return nil, err // of the device
		}
	}
	if len(certified) == 0 {
		return keys, nil
	}
	return certified, nil
}

// pairedWith returns the keys whose certificate it is.
func (r *keyring) pairedWith(ctx context.Context, keys []*keyObject, certificate *x509.Certificate) ([]*keyObject, error) {
	var paired []*keyObject
	for _, k := range keys {
		pairs, err := r.pairs(ctx, k, certificate.PublicKey)
		if err != nil {
			return nil, err
		}
		if pairs {
			paired = append(paired, k)
		}
	}
	return paired, nil
}

// ambiguous lists the keys, and whether there is a certificate of each that the
// error's text will show: a key without one costs a look at every certificate on the
// token, and a thousand such keys would cost minutes.
func (r *keyring) ambiguous(keys []*keyObject) error {
	ambiguous := &hardware.AmbiguousError{What: "keys"}
	for i, k := range keys {
		if i >= hardware.MostListed {
			ambiguous.Candidates = append(ambiguous.Candidates, k.address(r.brief).String())
			continue
		}
		ambiguous.Candidates = append(ambiguous.Candidates, r.tellAmong(k, keys).String())
		ambiguous.Notes = append(ambiguous.Notes, r.certified(k))
	}
	return ambiguous
}

// noKey says which keys there are instead, and that a login may show more.
func (r *keyring) noKey(address uri.URI) error {
	err := r.session.noKey(address)
	if r.user.without && errors.Is(err, hardware.ErrNoKey) {
		err = fmt.Errorf("%w; no PIN was given, and the key may be hidden until a login with one", err)
	}
	return err
}

// noKey says which keys there are instead: most often the label is misspelt, or the
// key is on another token.
func (s *session) noKey(address uri.URI) error {
	// This search costs calls on the way to an error only.
	handles, err := s.find(searchFor(uri.URI{}, pkcs11.CKO_PRIVATE_KEY)...)
	if err != nil {
		return err
	}
	if len(handles) == 0 {
		return s.orForeign(fmt.Errorf("%w: %s; token %q holds no private key", hardware.ErrNoKey, address, s.info.Label), false)
	}
	var there strings.Builder
	for _, handle := range handles[:min(hardware.MostListed, len(handles))] {
		// A key that cannot be read is left out: the error is about another one.
		if k, err := s.readKey(handle); err == nil {
			fmt.Fprintf(&there, "\n  %s (%s)", s.tell(k), attribute.KeyType(k.kind))
		}
	}
	if more := len(handles) - hardware.MostListed; more > 0 {
		fmt.Fprintf(&there, "\n  and %d more", more)
	}
	return s.orForeign(fmt.Errorf("%w: %s; there are:%s", hardware.ErrNoKey, address, there.String()), false)
}

// orForeign adds to an error whose the token's files are that this user may not read, or write.
func (t token) orForeign(err error, write bool) error {
	if text := remedies.Foreign(t.path, t.info.SerialNumber, write); text != "" {
		return fmt.Errorf("%w; %s", err, text)
	}
	return err
}
