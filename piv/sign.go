//go:build cgo || windows

package piv

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// sign signs the digest of a message with the key. The PIN, if the key wants one, goes
// directly before it, as a PIN policy of "always" demands.
func (u *user) sign(ctx context.Context, k *slotKey, public *rsa.PublicKey, hash crypto.Hash, message []byte) ([]byte, error) {
	if u.pin.Value != nil {
		if err := u.verify(); err != nil {
			return nil, err
		}
	}
	private, err := u.card.signer(k.Address.Slot, public)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", hardware.ErrUnusableKey, err)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err // nobody waits any more, so nobody is to touch the card
	}
	u.progress.card("signing")
	var signature []byte
	err = u.progress.touching(k.Touch, func() (err error) {
		signature, err = private.Sign(rand.Reader, hardware.Digest(hash, message), hash)
		return err
	})
	if err != nil {
		return nil, k.notSigned(err, u.card.unlocked)
	}
	return signature, verifySignature(k, public, hash, message, signature)
}

// notSigned returns the error for a signature that the card refused. A card that has just
// taken the PIN, or wants none, has one reason left to be unsatisfied: it waited for a
// touch.
func (k *slotKey) notSigned(err error, unlocked bool) error {
	const doing = "signing"
	if isStatus(err, statusRefused) && k.Touch != TouchNever && (unlocked || k.PIN == PINNever) {
		return &deviceError{kind: ErrNotTouched, doing: doing, words: "it waited for a touch in vain", code: statusRefused.code()}
	}
	if isStatus(err, statusNotFound, statusNoReference) {
		return fmt.Errorf("%w: %s: the slot is empty", hardware.ErrNoKey, k.Address)
	}
	return inWords(doing, err)
}

// verifySignature checks a signature. Cards before firmware 5.3 do not tell the public key of a
// key that was put on them, so there it shows here that a certificate is another key's.
func verifySignature(k *slotKey, public *rsa.PublicKey, hash crypto.Hash, message, signature []byte) error {
	err := hardware.Verify(public, hash, message, signature)
	if err != nil && k.Public == nil {
		return fmt.Errorf("%w, or %w: the card does not tell which key it has", err, hardware.ErrCertificateMismatch)
	}
	return err
}
