//go:build cgo

package hsm

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Import puts an RSA key that exists already into the token, where it can only sign, and
// be neither read nor wrapped. Copies of it elsewhere are as good as before, though. The
// address names it: object becomes its label, and must be there; id its id, or else the
// SHA-1 of the public key. It returns hardware.ErrKeyExists if the token has a private key of that
// label or id, or the same key under another name, and beside it what that key is; and ErrNoImport if
// the token takes no keys from outside.
//
// The key is read back and signs once before Import returns. What fails half way is taken
// away again. Import overwrites the copies of the key that it makes, but not key itself,
// nor what Go's own encoders and the module leave behind.
func Import(ctx context.Context, address uri.URI, key *rsa.PrivateKey, options Options) (KeyInfo, error) {
	name, err := named(address)
	if err != nil {
		return KeyInfo{}, err
	}
	private, err := hardware.Importable(key, nil)
	if err != nil {
		return KeyInfo{}, fmt.Errorf("%s: %w", address, err)
	}
	if len(name.ID) == 0 {
		name.ID = keyID(&private.PublicKey)
	}
	open := func(t token) (*session, error) {
		s, err := t.openToWrite()
		return s, name.refusedBy(t, 0).orNotTaken(err)
	}
	return visit(ctx, address, options, open, func(keys *keyring) (KeyInfo, error) {
		return importedKey{name, private}.importBy(ctx, keys.user)
	})
}

// keyID is the id of an imported key: the key identifier that most CAs put into the
// certificate, too (RFC 5280 section 4.2.1.2, method 1). So a key that is imported once
// more meets itself. As a name SHA-1 is good enough.
func keyID(public *rsa.PublicKey) []byte {
	id := sha1.Sum(x509.MarshalPKCS1PublicKey(public))
	return id[:]
}

type importedKey struct {
	newKey
	private *rsa.PrivateKey
}

// there returns the key that is in the way: one of the name, or the same key under whatever names; nil for
// none.
func (k importedKey) there(s *session) (*keyObject, error) {
	named, err := k.namesake(s)
	if named != nil || err != nil {
		return named, err
	}
	modulus := pkcs11.NewAttribute(pkcs11.CKA_MODULUS, k.private.N.Bytes())
	same, err := s.findKeys(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), modulus)
	if len(same) > 0 || err != nil {
		return first(same), err
	}
	// Some tokens tell the modulus of public keys only.
	public, err := s.findKeys(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY), modulus)
	for _, half := range public {
		if len(half.id) > 0 && err == nil {
			same, err = s.privateKeys(uri.URI{}.With("id", string(half.id)))
		}
	}
	return first(same), err
}

// first returns the first key; nil without.
func first(keys []*keyObject) *keyObject {
	if len(keys) == 0 {
		return nil
	}
	return keys[0]
}

func (k importedKey) importBy(ctx context.Context, u *user) (KeyInfo, error) {
	there, err := k.there(u.session)
	if err != nil {
		return KeyInfo{}, err
	}
	if there != nil {
		return listedKey{keyObject: there}.info(u.tell(there)), u.exists(there)
	}
	k.Decrypts = u.isTPM()
	refused := k.refusedBy(u.token, 0)
	w := &works{user: u}
	made, err := k.put(ctx, w)
	if err == nil {
		err = u.noTwin(made.keyObject)
	}
	if err != nil {
		return KeyInfo{}, refused.orNotTaken(w.takeBack(err, refused.Key))
	}
	info := made.info(u.tell(made.keyObject)) // not NeverExtractable, whatever the token says: it was outside
	info.Problem = hardware.ErrNoCertificate
	return info, nil
}

// put makes the objects of the key and proves that they are what was to be made.
func (k importedKey) put(ctx context.Context, w *works) (made listedKey, err error) {
	handle, err := k.putPrivate(ctx, w)
	if err != nil {
		return made, err
	}
	const doing = "storing the public key"
	public := k.PublicObject(&k.private.PublicKey)
	// A token that keeps no public keys signs as well, whatever it answers; one that is full will not
	// take the certificate, either. That it has the private key, and is still there, is proved below.
	if _, err := w.add(ctx, doing, public); err != nil && (!rv.IsAny(err) || rv.Is(err, pkcs11.CKR_DEVICE_MEMORY)) {
		return made, w.fail(doing, err)
	}
	made, err = k.readBack(w.user, handle)
	if err == nil {
		err = k.prove(ctx, w.user, made.keyObject)
	}
	if err == nil {
		err = context.Cause(ctx) // the last moment at which the caller can be believed to wait
	}
	return made, err
}

// putPrivate makes the object of the private key: as it is, or, on tokens that take no
// private keys in the clear, by unwrapping it.
func (k importedKey) putPrivate(ctx context.Context, w *works) (pkcs11.ObjectHandle, error) {
	const doing = "storing the private key"
	numbers := template.PrivateNumbers(k.private)
	defer template.Wipe(numbers)
	handle, err := w.add(ctx, doing, append(k.PrivateObject(), numbers...))
	if !rv.Is(err, noPlainKeys...) {
		return handle, w.fail(doing, err)
	}
	handle, wrapping := k.unwrap(ctx, w)
	if wrapping == nil || !rv.Is(wrapping, noPlainKeys...) {
		return handle, w.fail("unwrapping the private key", wrapping)
	}
	remedy := "the maker's own tool may do it, or make a new key there"
	if w.user.isTPM() {
		remedy = "tpm2_ptool import does it, beside PKCS#11"
	}
	return 0, fmt.Errorf("%w: token %q: %w; %w; %s", ErrNoImport, w.user.info.Label,
		rv.InWords(doing, err), rv.InWords("unwrapping it there", wrapping), remedy)
}

// noPlainKeys are the answers of tokens that do not make a private key in the way that
// was tried, and may in another.
var noPlainKeys = []pkcs11.Error{
	pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_ACTION_PROHIBITED,
	pkcs11.CKR_ATTRIBUTE_READ_ONLY, pkcs11.CKR_ATTRIBUTE_SENSITIVE,
	pkcs11.CKR_ATTRIBUTE_TYPE_INVALID, pkcs11.CKR_ATTRIBUTE_VALUE_INVALID,
	pkcs11.CKR_FUNCTION_NOT_SUPPORTED, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED,
	pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID,
	pkcs11.CKR_TEMPLATE_INCOMPLETE, pkcs11.CKR_TEMPLATE_INCONSISTENT,
	pkcs11.CKR_WRAPPED_KEY_INVALID, pkcs11.CKR_UNWRAPPING_KEY_HANDLE_INVALID,
	pkcs11.CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, pkcs11.CKR_UNWRAPPING_KEY_SIZE_RANGE,
}

// readBack reads the private key as the token has it, and refuses one that the token
// does not keep to itself: some take the attributes and mind them little.
func (k importedKey) readBack(u *user, handle pkcs11.ObjectHandle) (made listedKey, err error) {
	const doing = "reading the key back"
	u.progress.Module(doing)
	object, err := u.readKey(handle)
	if err != nil {
		return made, err
	}
	values, err := k.guard(u.session, handle)
	if err != nil {
		return made, u.fail(doing, err)
	}
	// Whatever it answers but the number itself is well.
	secret, _ := u.read(handle, pkcs11.CKA_PRIVATE_EXPONENT)
	defer clear(secret[pkcs11.CKA_PRIVATE_EXPONENT])
	switch {
	case len(secret[pkcs11.CKA_PRIVATE_EXPONENT]) > 0:
		return made, fmt.Errorf("%w that it keeps to itself: token %q gives this one out to anyone who is logged in", ErrNoImport, u.info.Label)
	case !values.Flag(pkcs11.CKA_SENSITIVE, true) || values.Flag(pkcs11.CKA_EXTRACTABLE, false):
		return made, fmt.Errorf("%w that it keeps to itself: token %q would let this one be extracted", ErrNoImport, u.info.Label)
	}
	return listedKey{object, values, false}, nil
}

// guard returns the attributes that keep the key in the token and to signatures, and sets
// those that are not as they were asked for: openCryptoki minds none of them when it
// unwraps, NSS not all. Whether that helped, the attributes show.
func (k importedKey) guard(s *session, handle pkcs11.ObjectHandle) (attribute.Values, error) {
	want := map[uint]bool{
		pkcs11.CKA_SENSITIVE: true, pkcs11.CKA_EXTRACTABLE: false, pkcs11.CKA_DECRYPT: k.Decrypts, pkcs11.CKA_UNWRAP: false,
	}
	kinds := slices.Collect(maps.Keys(want))
	values, err := s.read(handle, kinds...)
	if err != nil {
		return nil, err
	}
	changed := false
	for kind, value := range want {
		if values.Flag(kind, value) != value {
			changed = true
			_ = s.SetAttributeValue(s.handle, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, value)})
		}
	}
	if changed {
		return s.read(handle, kinds...)
	}
	return values, nil
}

// prove has the key sign, and compares what the token says of it. From here on the
// certificate is believed and not the token, so this is the place to find a token that
// has put the numbers together wrongly.
func (k importedKey) prove(ctx context.Context, u *user, made *keyObject) error {
	public := &k.private.PublicKey
	if made.public != nil && !made.public.Equal(public) {
		return fmt.Errorf("token %q has made another key of this one", u.info.Label)
	}
	made.public = public
	if err := made.unusable(); err != nil {
		return err
	}
	signature, err := u.sign(ctx, made, crypto.SHA256, []byte(hardware.ProbeText))
	if err != nil {
		return err
	}
	if err := hardware.Verify(public, crypto.SHA256, []byte(hardware.ProbeText), signature); err != nil {
		return fmt.Errorf("the key was stored, but: %w", err)
	}
	return nil
}
