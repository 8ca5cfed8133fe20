//go:build cgo

package hsm

import (
	"context"
	"crypto"
	"encoding/asn1"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/loader"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
)

// scheme is how RSASSA-PKCS1-v1_5 is done with one hash.
type scheme struct {
	mechanism uint                  // hashes on the token
	name      string                // of the mechanism
	object    asn1.ObjectIdentifier // of the hash (RFC 8017 appendix B.1)
}

// schemes are the hashes that hsm signs with: SHA-512 for logins, SHA-256 for all
// that must not be one.
var schemes = map[crypto.Hash]scheme{
	crypto.SHA256: {pkcs11.CKM_SHA256_RSA_PKCS, "CKM_SHA256_RSA_PKCS", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}},
	crypto.SHA512: {pkcs11.CKM_SHA512_RSA_PKCS, "CKM_SHA512_RSA_PKCS", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}},
}

// digestInfo is what RSASSA-PKCS1-v1_5 pads and signs (RFC 8017 section 9.2).
func digestInfo(hash crypto.Hash, message []byte) ([]byte, error) {
	type algorithm struct {
		Object asn1.ObjectIdentifier
		Null   asn1.RawValue
	}
	return asn1.Marshal(struct {
		Algorithm algorithm
		Digest    []byte
	}{algorithm{schemes[hash].object, asn1.NullRawValue}, hardware.Digest(hash, message)})
}

// otherMechanism are the answers of tokens that do not sign with CKM_RSA_PKCS, or
// not with this key, but may with a mechanism that hashes.
var otherMechanism = []pkcs11.Error{
	pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID,
	pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED, pkcs11.CKR_KEY_TYPE_INCONSISTENT, pkcs11.CKR_FUNCTION_NOT_SUPPORTED,
	pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE, // of C_Sign, for the DigestInfo
}

// notAsked are the answers of modules that do not take the question how long a signature will be, or
// for which that is the end of it.
var notAsked = []pkcs11.Error{pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_DATA_INVALID, pkcs11.CKR_DATA_LEN_RANGE, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_BUFFER_TOO_SMALL}

// sign signs message. CKM_RSA_PKCS comes first, because some tokens
// (openCryptoki's) have no CKM_SHA512_RSA_PKCS; few have it the other way round.
func (u *user) sign(ctx context.Context, k *keyObject, hash crypto.Hash, message []byte) ([]byte, error) {
	info, err := digestInfo(hash, message)
	if err == nil && k.alwaysAuthenticate {
		err = u.askForSignature(ctx, k)
	}
	if err != nil {
		return nil, err
	}
	// A refusal can come from C_SignInit or, later than it should, from C_Sign.
	signature, err := u.signWith(k, pkcs11.CKM_RSA_PKCS, info)
	if raw := err; rv.Is(raw, otherMechanism...) {
		signature, err = u.signWith(k, schemes[hash].mechanism, message)
		if rv.Is(err, otherMechanism...) {
			return nil, u.signsNot(hash, raw, err)
		}
	}
	if rv.IsAny(err) {
		err = u.fail("signing", err)
	}
	return signature, err
}

// signsNot says that a key signs by neither mechanism.
func (u *user) signsNot(hash crypto.Hash, raw, hashed error) error {
	return fmt.Errorf("token %q: %w: it does not make the RSASSA-PKCS1-v1_5 signature that is needed: %w; %w; its maker's tool shows what the token allows it",
		u.info.Label, hardware.ErrUnusableKey, rv.InWords("CKM_RSA_PKCS", raw), rv.InWords(schemes[hash].name, hashed))
}

// signWith signs once. A key with CKA_ALWAYS_AUTHENTICATE wants its PIN between
// C_SignInit and C_Sign (PKCS#11 section 4.9).
func (u *user) signWith(k *keyObject, mechanism uint, data []byte) ([]byte, error) {
	u.progress.Module("signing")
	if err := u.beginSigning(k, mechanism); err != nil {
		return nil, err
	}
	if k.alwaysAuthenticate {
		if err := u.authenticate(); err != nil {
			return nil, err
		}
	}
	signature, err := u.Sign(u.handle, data)
	if rv.Is(err, notAsked...) && !k.alwaysAuthenticate {
		signature, err = u.signAtOnce(k, mechanism, data)
	}
	if err == nil {
		u.prove()
	}
	return signature, err
}

func (u *user) beginSigning(k *keyObject, mechanism uint) error {
	// Neither mechanism takes a parameter (PKCS#11 mechanisms, section 2.1).
	return u.SignInit(u.handle, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, k.handle)
}

// mostSignature is more than any RSA signature has, in bytes.
const mostSignature = 2048

// signAtOnce signs without asking how long the signature will be, as miekg/pkcs11 does: for some
// modules that question is the end of it. Others refuse it, and wait for what is to be signed.
func (u *user) signAtOnce(k *keyObject, mechanism uint, data []byte) ([]byte, error) {
	if err := u.beginSigning(k, mechanism); err != nil && !rv.Is(err, pkcs11.CKR_OPERATION_ACTIVE) {
		return nil, err
	}
	return loader.SignInto(u.path, uint(u.handle), data, make([]byte, mostSignature))
}

// askForSignature gets the PIN for one signature: before C_SignInit, so that a
// person who gives none leaves no operation half done. The PIN that logged in is
// the same secret, so it serves for the first.
func (u *user) askForSignature(ctx context.Context, k *keyObject) (err error) {
	if u.rejected != nil || u.pin.Value != nil {
		return u.rejected
	}
	u.pin, err = u.askPIN(ctx, k.name())
	return err
}

// authenticate sends the PIN for the signature that has begun. A refusal is kept and returned to
// later signatures with the Key, so that the PIN is not sent again.
func (u *user) authenticate() error {
	err := u.send(pkcs11.CKU_CONTEXT_SPECIFIC, u.pin)
	if err != nil {
		u.forgetPIN()
		u.rejected = err
	}
	return err
}

// SignSHA512 returns the RSASSA-PKCS1-v1_5 signature with SHA-512 over message, verified with the
// certificate's public key. It gives up when ctx ends; the key cannot be used afterwards, since
// the module may still be at it.
func (k *Key) SignSHA512(ctx context.Context, message []byte) ([]byte, error) {
	if err := k.turn.Take(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", k.address, err)
	}
	isLost := false
	signature, err := await(ctx, k.lose(ctx, &isLost), func() ([]byte, error) {
		defer k.user.forgetPIN()
		return k.user.sign(ctx, k.object, crypto.SHA512, message)
	}, func([]byte) { k.user.leave() })
	if isLost {
		return nil, err // and the turn stays taken, because the module is still at it
	}
	k.turn.Give()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.address, err)
	}
	if err := hardware.Verify(k.object.public, crypto.SHA512, message, signature); err != nil {
		return nil, fmt.Errorf("%s: %w", k.address, err)
	}
	return signature, nil
}
