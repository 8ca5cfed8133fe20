//go:build cgo

package hsm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Key is a private key in a token, with its certificate. It is used by several
// goroutines at will, which take turns.
//
// Two Keys of one module in one process share what the module keeps per process:
// the login, and its end. Close the Key that was opened first last.
type Key struct {
	user        *user
	object      *keyObject
	certificate *x509.Certificate
	passedOver  []CertificateInfo
	others      []uri.URI
	address     uri.URI
	turn        *hardware.Turn
}

// errLost: the module has the Key, and does not give it back.
var errLost = errors.New("the module did not answer before; open the key again, best in a new process")

// Open finds the module, the token, the key and its certificate that address
// names, and logs in. It waits for the PIN and the module until ctx ends; a
// module that does not answer then is left behind in its goroutine.
func Open(ctx context.Context, address uri.URI, options Options) (*Key, error) {
	return call(ctx, address,
		func(p *progress.Progress) (*Key, error) { return open(ctx, address, options, p) },
		func(k *Key) {
			if k != nil {
				k.user.leave()
			}
		})
}

// open is Open in the goroutine that may be left behind. What fails closes what was
// opened before it.
func open(ctx context.Context, address uri.URI, options Options, progress *progress.Progress) (*Key, error) {
	keys, err := enter(ctx, token.open, address, options, progress)
	if err != nil {
		return nil, err
	}
	k, err := keys.open(ctx, address)
	if err != nil {
		keys.user.leave()
		return nil, err
	}
	if !k.object.alwaysAuthenticate {
		k.user.forgetPIN() // nothing will want it again
	}
	return k, nil
}

// open finds the key and its certificate. From here on the public key is the
// certificate's: every signature is verified with it, whatever the token says of
// the private key.
func (r *keyring) open(ctx context.Context, address uri.URI) (*Key, error) {
	object, others, err := r.certifiedKey(ctx, address)
	if err != nil {
		return nil, err
	}
	certificate, passedOver, err := r.certificateFor(ctx, object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.tell(object), err)
	}
	object.public = certificate.PublicKey.(*rsa.PublicKey) // pairs compared it
	// Once more: a token that does not tell the modulus has told no size until now.
	if err := object.unusable(); err != nil {
		return nil, fmt.Errorf("%s: %w", r.tell(object), err)
	}
	return &Key{
		user: r.user, object: object, certificate: certificate, passedOver: passedOver, others: others,
		address: object.asAsked(r.brief, address, len(others) == 0),
		turn:    hardware.NewTurn(),
	}, nil
}

// Certificate returns the key's certificate.
func (k *Key) Certificate() *x509.Certificate { return k.certificate }

// Address returns the address of the key: the least that means it, as far as is known of it after a
// login.
func (k *Key) Address() uri.URI { return k.address }

// PassedOver returns the certificates that have to do with the key and are not
// used, and why.
func (k *Key) PassedOver() []CertificateInfo { return k.passedOver }

// Others returns the addresses of the keys that were asked for by the same words
// and are not used, because they have no certificate.
func (k *Key) Others() []uri.URI { return k.others }

// lose returns the error for a module that did not answer, once it did not.
func (k *Key) lose(ctx context.Context, isLost *bool) func() error {
	return func() error {
		*isLost = true
		k.turn.End(errLost)
		return k.user.progress.Silence(ctx, k.user.path)
	}
}

// Close overwrites the PIN, and closes the module, see Options.Closing. It waits for a
// signature that is under way, but not for a module that does not answer. Closing twice is
// not an error.
func (k *Key) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	return k.close(ctx)
}

// close waits for its turn, like a signature, but in the goroutine, so that a
// signature that never ends keeps only the goroutine waiting.
func (k *Key) close(ctx context.Context) error {
	if !k.turn.Close() {
		return nil
	}
	_, err := await(ctx, func() error { return k.user.progress.Silence(ctx, k.user.path) },
		func() (struct{}, error) {
			k.turn.TakeLast()
			k.user.progress.Module("closing")
			k.user.leave()
			return struct{}{}, nil
		}, forget)
	return err
}
