//go:build cgo

package hsm

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Delete destroys the RSA key that the address names, its public key, and its certificates,
// for good, and returns what it has destroyed, also beside an error. The address must say
// which key by object or id, and fit that one key only; Options.Certificate does not help.
// Certificates of CAs stay, and so does whatever another key on the token needs that is
// the same one.
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
	return call(ctx, address,
		func(p *progress) ([]string, error) { return deleteKey(ctx, address, options, p) },
		forget)
}

// deleteKey is Delete in the goroutine that may be left behind. All that can be said
// against it is found before anything is destroyed.
func deleteKey(ctx context.Context, address uri.URI, options Options, progress *progress) (deleted []string, err error) {
	options.Certificate = nil
	v, err := enterToWrite(ctx, address, options, progress)
	if err != nil {
		return nil, err
	}
	defer v.leave()
	k, err := v.theKey(address)
	if err != nil {
		return nil, err
	}
	condemned, err := v.belongings(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.address(v.address), err)
	}
	for _, c := range condemned {
		if err := context.Cause(ctx); err != nil {
			return deleted, err // nobody waits any more
		}
		doing := "deleting the " + c.what
		progress.module(doing)
		if err := v.DestroyObject(v.handle, c.handle); err != nil {
			return deleted, v.fail(doing, err)
		}
		deleted = append(deleted, c.what)
	}
	return deleted, nil
}

// theKey returns the one private key that the address fits, of any type: another one that
// could not log in is a key as well, and may be the one that was meant.
func (v *visit) theKey(address uri.URI) (*keyObject, error) {
	found, err := v.keys(address.Without("type"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, v.noKey(address)
	}
	k, err := v.only(found)
	if err == nil && k.kind != pkcs11.CKK_RSA {
		err = fmt.Errorf("%s: %w: it is %s, and only RSA keys are deleted here; pkcs11-tool --delete-object deletes others",
			k.address(v.address), hardware.ErrUnusableKey, keyType(k.kind))
	}
	return k, err
}

// object is one to be destroyed.
type object struct {
	handle pkcs11.ObjectHandle
	id     []byte
	what   string // for people
}

// belongings returns the objects that go with a key, in the order in which they are to go.
func (v *visit) belongings(ctx context.Context, k *keyObject) ([]object, error) {
	certificates, err := v.certificatesOf(ctx, k)
	if err != nil {
		return nil, err
	}
	publics, err := v.publicsOf(ctx, k)
	if err != nil {
		return nil, err
	}
	twins, err := v.twins(k)
	if err != nil {
		return nil, err
	}
	belong := slices.DeleteFunc(append(certificates, publics...), func(o object) bool { return k.shares(o, twins) })
	return append(belong, object{k.handle, k.id, fmt.Sprintf("private key %s", k.address(v.address))}), nil
}

// certificatesOf returns the certificates of the key, by its public key and under any id,
// but for those of CAs: what a CA has signed is verified with its certificate long after
// its key is gone.
func (v *visit) certificatesOf(ctx context.Context, k *keyObject) ([]object, error) {
	handles, err := v.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE))
	if err != nil {
		return nil, err
	}
	var own []object
	for _, handle := range handles {
		c, err := v.candidate(ctx, k, handle)
		if err != nil {
			return nil, err
		}
		if !c.pairs {
			continue
		}
		isAuthority, err := v.isAuthority(handle, c)
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
func (v *visit) isAuthority(handle pkcs11.ObjectHandle, c candidate) (bool, error) {
	values, err := v.read(handle, pkcs11.CKA_CERTIFICATE_CATEGORY)
	if err != nil {
		return false, v.fail("reading a certificate", err)
	}
	category, _ := values.number(pkcs11.CKA_CERTIFICATE_CATEGORY)
	return c.Certificate.IsCA || category == categoryAuthority, nil
}

// publicsOf returns the objects of the public key. Where the token does not tell the
// numbers of the private key, they are looked for under its names.
func (v *visit) publicsOf(ctx context.Context, k *keyObject) ([]object, error) {
	class := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY)
	search := []*pkcs11.Attribute{class, pkcs11.NewAttribute(pkcs11.CKA_ID, k.id), pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.label)}
	if k.public != nil {
		search = []*pkcs11.Attribute{class, pkcs11.NewAttribute(pkcs11.CKA_MODULUS, k.public.N.Bytes())}
	}
	handles, err := v.find(search...)
	if err != nil {
		return nil, err
	}
	var halves []object
	for _, handle := range handles {
		public, err := v.readKey(handle)
		if err != nil {
			return nil, err
		}
		if public.public == nil {
			continue // of another kind, under the key's names
		}
		pairs, err := v.pairs(ctx, k, public.public)
		if err != nil {
			return nil, err
		}
		if pairs {
			halves = append(halves, object{handle, public.id, fmt.Sprintf("public key %s", public.address(v.address))})
		}
	}
	return halves, nil
}

// twins returns the other private keys on the token that are the same key: imported twice
// under two names, most likely.
func (v *visit) twins(k *keyObject) ([]*keyObject, error) {
	if k.public == nil {
		return nil, nil
	}
	handles, err := v.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_MODULUS, k.public.N.Bytes()))
	if err != nil {
		return nil, err
	}
	var twins []*keyObject
	for _, handle := range handles {
		twin, err := v.readKey(handle)
		if err != nil {
			return nil, err
		}
		if handle != k.handle {
			twins = append(twins, twin)
		}
	}
	return twins, nil
}

// shares reports whether a twin of the key may need an object: all that do not have the
// key's own id.
func (k *keyObject) shares(o object, twins []*keyObject) bool {
	own := len(k.id) > 0 && bytes.Equal(o.id, k.id) &&
		!slices.ContainsFunc(twins, func(twin *keyObject) bool { return bytes.Equal(twin.id, k.id) })
	return len(twins) > 0 && !own
}
