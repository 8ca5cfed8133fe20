//go:build cgo

package hsm

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Delete destroys the RSA key that the address names, its public key, and its certificates,
// for good, and returns what it has destroyed, also beside an error. The address must say
// which key by object or id, and fit that one key only; Options.Certificate does not help.
// Certificates of CAs stay, and so does whatever another key on the token needs that is
// the same one.
//
// A token that lets nothing be deleted is ErrNotDeleted.
//
// The private key goes last, so that a call which failed half way can be made again.
func Delete(ctx context.Context, address uri.URI, options Options) (deleted []string, err error) {
	label, _ := address.Get("object")
	if id, _ := address.ID(); label == "" && len(id) == 0 {
		return nil, fmt.Errorf("%s: say which key is to be deleted: add ;object=NAME or ;id=ID", address)
	}
	// Elsewhere the address of a certificate may stand for its key.
	if kind, ok := address.Get("type"); ok && kind != "private" {
		return nil, fmt.Errorf("%s: what is deleted is the key with all that belongs to it; leave out ;type=%s if that is meant", address, kind)
	}
	options.Certificate = nil
	open := func(t token) (*session, error) {
		s, err := t.openToWrite()
		return s, orNotDeleted(err)
	}
	return visit(ctx, address, options, open, func(keys *keyring) ([]string, error) {
		k, err := keys.toDelete(address)
		if err != nil {
			return nil, err
		}
		return deletion{keys, k}.run(ctx)
	})
}

// toDelete returns the one private key that the address fits, of any type: another one that
// could not log in is a key as well, and may be the one that was meant.
func (r *keyring) toDelete(address uri.URI) (*keyObject, error) {
	found, err := r.privateKeys(address.Without("type"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, r.noKey(address)
	}
	k, err := r.only(found)
	if err == nil && k.kind != pkcs11.CKK_RSA {
		err = fmt.Errorf("%s: %w: it is %s, and only RSA keys are deleted here; pkcs11-tool --delete-object deletes others",
			r.tell(k), hardware.ErrUnusableKey, attribute.KeyType(k.kind))
	}
	return k, err
}

type deletion struct {
	*keyring
	key *keyObject
}

// run destroys the objects. All that can be said against it is found before anything is destroyed.
func (d deletion) run(ctx context.Context) (deleted []string, err error) {
	condemned, err := d.belongings(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.tell(d.key), err)
	}
	for _, c := range condemned {
		if err := context.Cause(ctx); err != nil {
			return deleted, err // nobody waits any more
		}
		doing := "deleting the " + c.what
		d.user.progress.Module(doing)
		if err := d.destroy(c.handle); err != nil {
			return deleted, orNotDeleted(d.fail(doing, err))
		}
		deleted = append(deleted, c.what)
	}
	return deleted, nil
}

type object struct {
	handle pkcs11.ObjectHandle
	id     []byte
	what   string // for people
}

// belongings returns the objects that go with the key, in the order in which they are to go.
func (d deletion) belongings(ctx context.Context) ([]object, error) {
	certificates, err := d.certificates(ctx)
	if err != nil {
		return nil, err
	}
	publics, err := d.publics(ctx)
	if err != nil {
		return nil, err
	}
	twins, err := d.twins()
	if err != nil {
		return nil, err
	}
	belong := slices.DeleteFunc(append(certificates, publics...), func(o object) bool { return d.key.shares(o, twins) })
	return append(belong, object{d.key.handle, d.key.id, fmt.Sprintf("private key %s", d.tell(d.key))}), nil
}

// certificates returns the certificates of the key, by its public key and under any id,
// but for those of CAs: what a CA has signed is verified with its certificate long after
// its key is gone.
func (d deletion) certificates(ctx context.Context) ([]object, error) {
	handles, err := d.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE))
	if err != nil {
		return nil, err
	}
	var own []object
	for _, handle := range handles {
		c, err := d.candidate(ctx, d.key, handle)
		if err != nil {
			return nil, err
		}
		if !c.pairs || c.NoLogin { // nobody has stored it, so nobody can delete it
			continue
		}
		isAuthority, err := d.isAuthority(handle, c)
		if err != nil {
			return nil, err
		}
		if !isAuthority {
			own = append(own, object{handle, c.ID, hardware.Describe(c.Certificate)})
		}
	}
	return own, nil
}

// isAuthority reports whether a certificate is a CA's: it says so itself, or the category that it
// was stored with does.
func (d deletion) isAuthority(handle pkcs11.ObjectHandle, c candidate) (bool, error) {
	values, err := d.read(handle, pkcs11.CKA_CERTIFICATE_CATEGORY)
	if err != nil && !c.Certificate.IsCA {
		return false, d.fail("reading a certificate", err)
	}
	category, _ := values.Number(pkcs11.CKA_CERTIFICATE_CATEGORY)
	return c.Certificate.IsCA || category == categoryAuthority, nil
}

// publics returns the objects of the public key. Where the token does not tell the
// numbers of the private key, they are looked for under its names.
func (d deletion) publics(ctx context.Context) ([]object, error) {
	class := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)
	search := []*pkcs11.Attribute{class, pkcs11.NewAttribute(pkcs11.CKA_ID, d.key.id), pkcs11.NewAttribute(pkcs11.CKA_LABEL, d.key.label)}
	if d.key.public != nil {
		search = []*pkcs11.Attribute{class, pkcs11.NewAttribute(pkcs11.CKA_MODULUS, d.key.public.N.Bytes())}
	}
	found, err := d.findKeys(search...)
	if err != nil {
		return nil, err
	}
	var halves []object
	for _, public := range found {
		if public.public == nil {
			continue // of another kind, under the key's names
		}
		pairs, err := d.pairs(ctx, d.key, public.public)
		if err != nil {
			return nil, err
		}
		if pairs {
			halves = append(halves, object{public.handle, public.id, fmt.Sprintf("public key %s", d.nameOf(public))})
		}
	}
	return halves, nil
}

// nameOf returns the address of a public half: as a rule that of the key.
func (d deletion) nameOf(public *keyObject) uri.URI {
	if public.label == d.key.label && bytes.Equal(public.id, d.key.id) {
		return d.tell(d.key)
	}
	return d.tellOf(pkcs11.CKO_PUBLIC_KEY, public, nil)
}

// twins returns the other private keys on the token that are the same key: imported twice
// under two names, most likely.
func (d deletion) twins() ([]*keyObject, error) {
	if d.key.public == nil {
		return nil, nil
	}
	twins, err := d.findKeys(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_MODULUS, d.key.public.N.Bytes()))
	return slices.DeleteFunc(twins, func(twin *keyObject) bool { return twin.handle == d.key.handle }), err
}

// shares reports whether a twin of the key may need an object: all that do not have the
// key's own id.
func (k *keyObject) shares(o object, twins []*keyObject) bool {
	own := len(k.id) > 0 && bytes.Equal(o.id, k.id) &&
		!slices.ContainsFunc(twins, func(twin *keyObject) bool { return bytes.Equal(twin.id, k.id) })
	return len(twins) > 0 && !own
}
