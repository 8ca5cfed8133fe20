//go:build cgo

package hsm

import (
	"context"
	"crypto/rand"
	"crypto/x509"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/template"
)

// HSMs that are set up to take no private key in the clear take one that is encrypted with
// a key of theirs. The token makes such a key, encrypts what it is given with it, and
// unwraps what it has encrypted. That gains no secrecy, since this process had the key in
// the clear; it is the door that the HSM leaves open, and makers describe it for imports.

// wrappings are the ways to wrap a private key, as PKCS#8, with AES (PKCS#11 mechanisms,
// sections 2.8 and 2.13), the one that most tokens have first.
var wrappings = []func() *pkcs11.Mechanism{
	func() *pkcs11.Mechanism {
		vector := make([]byte, 16)
		rand.Read(vector)
		return pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_PAD, vector)
	},
	func() *pkcs11.Mechanism { return pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP_PAD, nil) },
}

// unwrap makes the object of the private key by unwrapping it. Its error is the return
// value of the module in the last way that was tried, without words.
func (k importedKey) unwrap(ctx context.Context, w *works) (handle pkcs11.ObjectHandle, err error) {
	plain, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return 0, err
	}
	defer clear(plain)
	u := w.user
	u.progress.Module("making a key to wrap the private key with")
	wrapper, err := u.GenerateKey(u.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, template.Wrapper())
	if err != nil {
		return 0, err
	}
	// It would go with the session; but the less time it can be used, the better.
	defer u.DestroyObject(u.handle, wrapper)
	for _, wrapping := range wrappings {
		handle, err = k.unwrapWith(ctx, w, wrapper, wrapping(), plain)
		if !rv.Is(err, noPlainKeys...) {
			return handle, err
		}
	}
	return 0, err
}

// unwrapWith has the token encrypt the private key and unwrap what comes of it.
func (k importedKey) unwrapWith(ctx context.Context, w *works, wrapper pkcs11.ObjectHandle, mechanism *pkcs11.Mechanism, plain []byte) (pkcs11.ObjectHandle, error) {
	u, mechanisms := w.user, []*pkcs11.Mechanism{mechanism}
	u.progress.Module("encrypting the private key")
	if err := u.EncryptInit(u.handle, mechanisms, wrapper); err != nil {
		return 0, err
	}
	wrapped, err := u.Encrypt(u.handle, plain)
	if err != nil {
		return 0, err
	}
	return w.make(ctx, "unwrapping the private key", func() (pkcs11.ObjectHandle, error) {
		return u.UnwrapKey(u.handle, mechanisms, wrapper, wrapped, k.PrivateObject())
	})
}
