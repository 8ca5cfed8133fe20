//go:build cgo

package hsm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/loader"
	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// What makes a key or stores its certificate goes through crypto11 where that serves; what only
// looks or signs does not, because crypto11 opens read/write sessions, which some tokens refuse, and
// knows neither CKA_ALWAYS_AUTHENTICATE nor mechanisms that hash on the token.

// author makes keys and stores certificates: by crypto11, or in a session of miekg/pkcs11.
type author interface {
	// generate makes a key pair and returns the private key, as the token has named it.
	generate(key newKey, bits int) (*keyObject, error)
	// refuses returns the attribute that keeps the token from making a key pair; 0: that is not found out.
	refuses(key newKey) uint
	// settle returns the address of a key that was generated and that the token has named itself, see
	// session.settle.
	settle(made *keyObject) (uri.URI, error)
	// store stores the certificate of a key.
	store(key *keyObject, certificate *x509.Certificate) error
}

// write has an author work on the token. crypto11 starts modules in one way only, gives up on slots
// that are not there at once, wants two read/write sessions, and a module that nobody else uses.
func (u *user) write(ctx context.Context, doing string, work func(author) error) error {
	if err := u.writable(); err != nil {
		return err
	}
	if u.odd || u.info.MaxRwSessionCount == 1 || !u.owner {
		return u.unlessWithout(u.writeHere(ctx, doing, work))
	}
	return u.unlessWithout(u.writeByCrypto11(ctx, doing, work))
}

// unlessWithout says of an error that a PIN is needed, where it is that nobody has logged in for want of one.
func (u *user) unlessWithout(err error) error {
	device, answered := errors.AsType[*rv.Error](err)
	if u.without && answered && device.Code == rv.Name(pkcs11.CKR_USER_NOT_LOGGED_IN) {
		return fmt.Errorf("token %q: %w, and none was given: %w", u.info.Label, hardware.ErrPINNeeded, err)
	}
	return err
}

// writeHere has the work done in a session beside the one that is logged in: a login is that of all
// sessions of the process, so no PIN is sent.
func (u *user) writeHere(ctx context.Context, doing string, work func(author) error) error {
	s, err := u.openToWrite()
	if err == nil {
		err = context.Cause(ctx) // the caller was told that it failed, so it must
	}
	if err != nil {
		return err
	}
	u.progress.Module(doing)
	if err = work(s); rv.IsAny(err) {
		err = u.unlessWritable(u.fail(doing, err))
	}
	return err
}

// writeSessions is how many sessions crypto11 may open: one that it keeps, one to
// work in.
const writeSessions = 2

// writeByCrypto11 ends the session and runs work in a read/write session of crypto11's.
//
// The module is closed before and opened again, because crypto11 does not take one
// that somebody else has initialised. The token is chosen by its slot, which
// crypto11 finds without guessing.
func (u *user) writeByCrypto11(ctx context.Context, doing string, work func(author) error) error {
	pin, err := u.pinToWrite(ctx)
	if err != nil {
		return err
	}
	defer clear(pin.Value)
	u.progress.Module(doing)
	path, slot := u.path, int(u.slot)
	u.forgetPIN()
	closed := u.module.free()
	if err := context.Cause(ctx); err != nil {
		return err // the caller was told that it failed, so it must
	}
	if !closed {
		return u.writeAnew(ctx, doing, pin, work)
	}
	token, err := writer{u.login, doing}.configure(&crypto11.Config{
		Path: path, SlotNumber: &slot, Pin: string(pin.Value), MaxSessions: writeSessions,
		// Otherwise crypto11 logs in with no PIN, which is a try lost, or a PIN pad that
		// asks for a PIN that the token does not want.
		LoginNotSupported: !u.wanted,
	}, pin)
	if err != nil {
		return err
	}
	defer u.closing(path, func() { _ = hardware.Recovered(broken, token.Close) })
	if err := work(crypto11Author{token, u.token}); err != nil {
		return u.unlessWritable(u.fail(doing, err))
	}
	return nil
}

// writeAnew has the work done in a new session of a module that did not close, whatever has become of
// the old one. It logs in with the PIN that was right a moment ago, unless that login still holds.
func (u *user) writeAnew(ctx context.Context, doing string, pin hardware.PIN, work func(author) error) error {
	options := u.options
	options.PIN = func(context.Context, hardware.PINRequest) (hardware.PIN, error) { return pin, nil }
	m, err := openModule(u.address, options)
	if err != nil {
		return err
	}
	defer m.close()
	again := u.token
	again.module = m
	s, err := again.openToWrite()
	if err != nil {
		return err
	}
	if _, err = newLogin(s, u.address, options, u.progress).logIn(ctx); err != nil {
		return err
	}
	u.progress.Module(doing)
	if err = work(s); rv.IsAny(err) {
		err = u.unlessWritable(u.fail(doing, err))
	}
	return err
}

// writer logs in to write by crypto11.
type writer struct {
	*login
	doing string
}

// configure opens a context of crypto11's, which logs in with the PIN once more.
func (w writer) configure(config *crypto11.Config, pin hardware.PIN) (token *crypto11.Context, err error) {
	if config.LoginNotSupported {
		pin = hardware.PIN{} // and its guard
	}
	err = pin.Send(hardware.DevicePIN, func() (err error) {
		defer remedies.SpareHome()()
		defer loader.KeepProcess()()
		token, err = crypto11.Configure(config)
		return w.configured(err)
	})
	return token, err
}

// configured tells the login from what comes before it, by crypto11's words. The PIN was
// right a moment ago; but a PIN pad asks again.
func (w writer) configured(err error) error {
	if err == nil {
		return nil
	}
	failure := w.fail(w.doing, err)
	code, _ := errors.AsType[pkcs11.Error](err)
	switch {
	case !strings.Contains(err.Error(), "failed to log into"):
		return notSentError{w.unlessWritable(failure)}
	case rv.Is(code, rv.PINRefused...):
		return w.refusal(fmt.Sprintf("%s (%s)", rv.Words(code), rv.Name(code)))
	}
	return &hardware.PINUnclearError{Device: "token", Before: w.counter(), Err: failure}
}

// notSentError is hardware.ErrPINNotSent with the words of what came before.
type notSentError struct{ error }

// Is reports whether target is hardware.ErrPINNotSent.
func (notSentError) Is(target error) bool { return target == hardware.ErrPINNotSent }

// Unwrap returns what came before.
func (e notSentError) Unwrap() error { return e.error }

// writable refuses tokens that say that they cannot be written.
func (t token) writable() error {
	if t.has(pkcs11.CKF_WRITE_PROTECTED) {
		return t.unwritable("")
	}
	return nil
}

// unlessWritable says of an error that the token cannot be written, where that is so: some do not
// say it before they are written to.
func (t token) unlessWritable(err error) error {
	device, answered := errors.AsType[*rv.Error](err)
	if answered && device.Protected {
		return t.unwritable(" (" + device.Code + ")")
	}
	if answered {
		return t.orForeign(err, true)
	}
	return err
}

func (t token) unwritable(code string) error {
	return rv.UnwritableError{Text: fmt.Sprintf("token %q is write-protected%s", t.info.Label, code)}
}

// pinToWrite takes over the PIN that logged in. On a PIN pad it must be typed
// again, so the person is told again.
func (u *user) pinToWrite(ctx context.Context) (hardware.PIN, error) {
	if u.wanted && u.hasPad() {
		return u.askPIN(ctx, "")
	}
	pin := u.pin
	u.pin = hardware.PIN{}
	return pin, nil
}
