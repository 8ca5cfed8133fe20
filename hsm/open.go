//go:build cgo

package hsm

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// visit is a session that is logged in and may use keys, until leave.
type visit struct {
	*session
	asker
	options Options
	now     time.Time
	pin     hardware.PIN // for keys that want it for each signature; without a value where there is none
	refusal error        // of the PIN for a signature, which is not sent again
}

// enter opens the module, the one token that fits the address, and a session, and
// logs in.
func enter(ctx context.Context, address uri.URI, options Options, progress *progress) (*visit, error) {
	return enterBy(ctx, token.open, address, options, progress)
}

// enterBy is enter with a way to open the session.
func enterBy(ctx context.Context, open func(token) (*session, error), address uri.URI, options Options, progress *progress) (*visit, error) {
	m, err := openModule(address, options)
	if err != nil {
		return nil, err
	}
	s, err := m.session(address, open)
	if err != nil {
		m.close()
		return nil, err
	}
	v := newVisit(s, address, options, progress)
	if v.pin, err = s.login(ctx, v.asker); err != nil {
		v.leave()
		return nil, err
	}
	progress.module("reading the token")
	return v, nil
}

// newVisit begins a visit in a session that nobody has logged in to yet.
func newVisit(s *session, address uri.URI, options Options, progress *progress) *visit {
	now := options.Time
	if now.IsZero() {
		now = time.Now()
	}
	return &visit{session: s, asker: newAsker(address, options, progress), options: options, now: now}
}

// session opens a session with the one token that fits the address. The rest of
// the tokens is not touched: a wrong one must not even see a PIN.
func (m *module) session(address uri.URI, open func(token) (*session, error)) (*session, error) {
	found, err := m.survey(address)
	if err != nil {
		return nil, err
	}
	t, err := found.one(address)
	if err != nil {
		return nil, err
	}
	return open(t)
}

// key returns the one key that the address names.
func (v *visit) key(ctx context.Context, address uri.URI) (*keyObject, error) {
	fitting, err := v.fitting(ctx, address)
	if err != nil {
		return nil, err
	}
	return v.only(fitting)
}

// certifiedKey is key for a login, which needs a certificate. It returns the
// addresses of the keys that were passed over, too.
func (v *visit) certifiedKey(ctx context.Context, address uri.URI) (k *keyObject, others []uri.URI, err error) {
	fitting, err := v.fitting(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	certified, err := v.certifiedOf(ctx, fitting)
	if err != nil {
		return nil, nil, err
	}
	if k, err = v.only(certified); err != nil {
		return nil, nil, err
	}
	for _, other := range fitting {
		if other != k {
			others = append(others, other.address(v.address))
		}
	}
	return k, others, nil
}

// forgetPIN overwrites the PIN.
func (v *visit) forgetPIN() {
	clear(v.pin.Value)
	v.pin = hardware.PIN{}
}

// leave ends the visit, and closes the module.
func (v *visit) leave() {
	v.forgetPIN()
	v.module.close()
}

// Key is a private key in a token, with its certificate. It is used by several
// goroutines at will, which take turns.
//
// Two Keys of one module in one process share what the module keeps per process:
// the login, and its end. Close the Key that was opened first last.
type Key struct {
	visit       *visit
	object      *keyObject
	certificate *x509.Certificate
	passedOver  []CertificateInfo
	others      []uri.URI
	address     uri.URI
	progress    *progress
	turn        *hardware.Turn
}

// errLost: the module has the Key, and does not give it back.
var errLost = errors.New("the module did not answer before; open the key again, best in a new process")

// Open finds the module, the token, the key and its certificate that address
// names, and logs in. It waits for the PIN and the module until ctx ends; a
// module that does not answer then is left behind in its goroutine.
func Open(ctx context.Context, address uri.URI, options Options) (*Key, error) {
	return call(ctx, address,
		func(p *progress) (*Key, error) { return open(ctx, address, options, p) },
		func(k *Key) {
			if k != nil {
				k.visit.leave()
			}
		})
}

// open is Open in the goroutine that may be left behind. What fails closes what was
// opened before it.
func open(ctx context.Context, address uri.URI, options Options, progress *progress) (*Key, error) {
	v, err := enter(ctx, address, options, progress)
	if err != nil {
		return nil, err
	}
	k, err := v.open(ctx, address)
	if err != nil {
		v.leave()
		return nil, err
	}
	k.progress = progress
	if !k.object.alwaysAuthenticate {
		v.forgetPIN() // nothing will want it again
	}
	return k, nil
}

// open finds the key and its certificate. From here on the public key is the
// certificate's: every signature is verified with it, whatever the token says of
// the private key.
func (v *visit) open(ctx context.Context, address uri.URI) (*Key, error) {
	object, others, err := v.certifiedKey(ctx, address)
	if err != nil {
		return nil, err
	}
	full := object.address(v.address)
	certificate, passedOver, err := v.certificateFor(ctx, object)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", full, err)
	}
	object.public = certificate.PublicKey.(*rsa.PublicKey) // pairs compared it
	// Once more: a token that does not tell the modulus has told no size until now.
	if err := object.unusable(); err != nil {
		return nil, fmt.Errorf("%s: %w", full, err)
	}
	return &Key{
		visit: v, object: object, certificate: certificate, passedOver: passedOver, others: others, address: full,
		turn: hardware.NewTurn(),
	}, nil
}

// Certificate returns the key's certificate.
func (k *Key) Certificate() *x509.Certificate { return k.certificate }

// Address returns the full address of the key: its module, the token's label and
// serial number, the key's label and id, as far as it has them.
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
		return k.progress.silence(ctx, k.visit.path)
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
	_, err := await(ctx, func() error { return k.progress.silence(ctx, k.visit.path) },
		func() (struct{}, error) {
			k.turn.TakeLast()
			k.progress.module("closing")
			k.visit.leave()
			return struct{}{}, nil
		}, forget)
	return err
}
