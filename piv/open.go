//go:build cgo || windows

package piv

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Key is a private key on a card, with its certificate. The card is this process's
// alone from Open to Close, so the time between is best short. It is used by several
// goroutines at will, which take turns.
type Key struct {
	user        *user
	key         *slotKey
	certificate *x509.Certificate
	turn        *hardware.Turn
}

// Why a Key has ended, where no error of the card tells.
var (
	errLost = errors.New("the card did not answer before; open the key again, best in a new process")
	errUsed = errors.New("the PIN was for one signature, which is made; open the key again")
)

// Open finds the card, the key and its certificate that address names, and gets the
// PIN if the key wants one. The PIN is sent by SignSHA512 and overwritten then. Open
// waits for person and card until ctx ends; a card that does not answer then is left
// behind in its goroutine.
func Open(ctx context.Context, address pivuri.URI, options Options) (*Key, error) {
	return call(ctx, options,
		func(f finder) (*Key, error) { return f.open(ctx, address) },
		func(k *Key) { k.user.leave() })
}

// open is Open in the goroutine that may be left behind. What fails closes what was
// opened before it.
func (f finder) open(ctx context.Context, address pivuri.URI) (*Key, error) {
	keys, err := f.enter(ctx, address)
	if err != nil {
		return nil, err
	}
	k, err := keys.open(ctx, address)
	if err != nil {
		keys.user.leave()
		return nil, err
	}
	return k, nil
}

// open finds the key and its certificate. All that can be wrong with them is found before the
// PIN is asked for: no try is spent on a login that cannot be. From here on the public key is the
// certificate's: every signature is verified with it, whatever the card says of the private key.
func (r *keyring) open(ctx context.Context, address pivuri.URI) (*Key, error) {
	fits := isCertified
	if r.certificate != nil {
		fits = isKeyOf(r.certificate.PublicKey)
	}
	k, err := r.key(address, fits)
	if err != nil {
		return nil, err
	}
	certificate := cmp.Or(r.certificate, k.Certificate)
	if err := k.problem(certificate, r.now); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Address, err)
	}
	if err := r.user.attended(k); err != nil {
		return nil, fmt.Errorf("%s: %w", k.Address, err)
	}
	if err := r.user.askIfWanted(ctx, k); err != nil {
		return nil, err
	}
	return &Key{user: r.user, key: k, certificate: certificate, turn: hardware.NewTurn()}, nil
}

// Certificate returns the key's certificate.
func (k *Key) Certificate() *x509.Certificate { return k.certificate }

// Address returns the full address of the key, with its card's serial number.
func (k *Key) Address() pivuri.URI { return k.key.Address }

// SignSHA512 returns the RSASSA-PKCS1-v1_5 signature with SHA-512 over message,
// verified with the certificate's public key. It sends the PIN and overwrites it, so a
// key with a PIN policy of "always" signs once. Whatever fails ends the Key.
func (k *Key) SignSHA512(ctx context.Context, message []byte) ([]byte, error) {
	if err := k.turn.Take(ctx); err != nil {
		return nil, k.user.progress.ofCard(fmt.Errorf("%s: %w", k.key.Address, err))
	}
	signature, err := await(ctx, k.user.progress,
		func() ([]byte, error) {
			defer k.turn.Give()
			return k.sign(ctx, message)
		}, func([]byte) { k.user.leave() })
	if err != nil {
		k.turn.End(errLost) // unless sign has given a better reason
		return nil, fmt.Errorf("%s: %w", k.key.Address, err)
	}
	return signature, nil
}

// sign is SignSHA512 in the goroutine that may be left behind. A failure lets the card
// go at once, and locks it.
func (k *Key) sign(ctx context.Context, message []byte) (signature []byte, err error) {
	err = k.used()
	if err == nil {
		public := k.certificate.PublicKey.(*rsa.PublicKey) // problem looked at it
		signature, err = k.user.sign(ctx, k.key, public, crypto.SHA512, message)
	}
	if err != nil {
		k.turn.End(err)
		k.user.leave()
	}
	return signature, err
}

// used returns an error if the key wants a PIN again that is overwritten already.
func (k *Key) used() error {
	if k.key.WantsPIN() && k.key.PIN != PINOnce && k.user.pin.Value == nil {
		return fmt.Errorf("%w: %w", hardware.ErrPINNeeded, errUsed)
	}
	return nil
}

// closePatience is how long Close waits for a card.
const closePatience = 5 * time.Second

// Close lets the card go, locks what the PIN has unlocked, and overwrites the PIN. It
// waits for a signature that is under way, but not for a card that does not answer.
// Closing twice is not an error.
func (k *Key) Close() error {
	if !k.turn.Close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_, err := await(ctx, k.user.progress, func() (struct{}, error) {
		k.turn.TakeLast()
		k.user.progress.card("closing the card")
		return struct{}{}, k.user.leave()
	}, forget)
	return err
}
