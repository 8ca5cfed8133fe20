//go:build cgo

package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// A PIN is the one thing here that can be used up. So the counter is read before a
// PIN is asked for, a PIN is sent once, and a refusal ends the call and, for a key
// that wants its PIN for each signature, the Key.

// login asks for the PIN of a session's token, sends it, and judges what comes back.
type login struct {
	*session
	options  Options
	source   string // of the PIN, which the PINFunc may follow: here no file is read for it
	progress *progress.Progress

	wanted  bool   // to log in; decided before it, as what the token shows is another matter afterwards
	claimed bool   // the session said before the login that somebody was logged in
	vouches bool   // it said that nobody was, so that what it says afterwards can be believed
	without bool   // it went on without a PIN, as there was none
	bare    bool   // it does not vouch, and showed no private object before the login
	proof   func() // to be called when a signature shows that the PIN was taken; nil: it is known
}

// newLogin returns the login to a session that nobody has logged in to yet.
func newLogin(s *session, address uri.URI, options Options, progress *progress.Progress) *login {
	source, _ := address.Get("pin-source")
	l := &login{session: s, options: options, source: source, progress: progress}
	before := l.account()
	l.claimed, l.vouches = before == accountUser, before == accountPublic
	return l
}

// logIn logs in if the token wants that and nobody in this process has. It
// returns the PIN for keys that want it once more for each signature; the caller
// overwrites it.
func (l *login) logIn(ctx context.Context) (pin hardware.PIN, err error) {
	if l.wanted = l.isWanted(); !l.wanted {
		return hardware.PIN{}, nil
	}
	l.bare = !l.vouches && !l.showsPrivate()
	pin, err = l.askPIN(ctx, "")
	if errors.Is(err, hardware.ErrPINNeeded) && !l.options.LogIn && !l.has(pkcs11.CKF_LOGIN_REQUIRED) {
		l.wanted, l.without = false, true
		return hardware.PIN{}, nil // it was worth a question, and the token says that it needs none
	}
	if err != nil {
		return hardware.PIN{}, err
	}
	l.progress.Module("logging in")
	if err := l.send(pkcs11.CKU_USER, pin); err != nil {
		clear(pin.Value)
		return hardware.PIN{}, err
	}
	return pin, nil
}

// isWanted reports whether to log in. There are tokens that hide their keys without saying that
// they want a login, or that they have a PIN, and modules that claim there was one: a PIN that was
// named is used, and one is asked for where no key shows.
func (l *login) isWanted() bool {
	if l.options.LogIn && l.options.PIN != nil {
		return l.has(pkcs11.CKF_LOGIN_REQUIRED|pkcs11.CKF_USER_PIN_INITIALIZED) || !l.showsPrivate()
	}
	return l.hides() && (l.has(pkcs11.CKF_LOGIN_REQUIRED) || l.options.PIN != nil)
}

// hides reports whether the token has a PIN, by what it says, and private objects may show after it
// only.
func (l *login) hides() bool {
	switch {
	case l.has(pkcs11.CKF_LOGIN_REQUIRED):
		return !l.claimed || !l.showsPrivate()
	case l.has(pkcs11.CKF_USER_PIN_INITIALIZED):
		return !l.showsPrivate()
	}
	return false
}

// account is what a session says about who is logged in.
type account int

const (
	accountUnknown account = iota // it does not say, or somebody else is
	accountPublic                 // nobody is
	accountUser                   // the user is
)

// account asks the token, since a login is shared by all sessions of the process: a PIN is
// not asked for in vain, nor is a wrong one taken for right.
func (l *login) account() account {
	info, err := l.GetSessionInfo(l.handle)
	if err != nil {
		return accountUnknown
	}
	switch info.State {
	case pkcs11.CKS_RO_USER_FUNCTIONS, pkcs11.CKS_RW_USER_FUNCTIONS:
		return accountUser
	case pkcs11.CKS_RO_PUBLIC_SESSION, pkcs11.CKS_RW_PUBLIC_SESSION:
		return accountPublic
	}
	return accountUnknown
}

func (l *login) isLoggedIn() bool { return l.account() == accountUser }

// showsPrivate reports whether there are objects that only the user gets to see.
func (l *login) showsPrivate() bool { return l.shows(pkcs11.CKA_PRIVATE, true) }

// shows reports whether there are objects with an attribute.
func (l *login) shows(kind uint, value any) bool {
	found, err := l.find(pkcs11.NewAttribute(kind, value))
	return err == nil && len(found) > 0
}

// askPIN asks the caller for the PIN: of the token, or of a key that wants one for
// each signature. It is nil where the PIN is typed on the device.
func (l *login) askPIN(ctx context.Context, key string) (hardware.PIN, error) {
	if l.pinState() == hardware.PINLocked {
		return hardware.PIN{}, l.refused(pkcs11.CKR_PIN_LOCKED)
	}
	if l.options.PIN == nil {
		return hardware.PIN{}, fmt.Errorf("token %q: %w, and there is no way to ask for it", l.info.Label, hardware.ErrPINNeeded)
	}
	request := hardware.PINRequest{
		Device: l.info.Label, Serial: l.info.SerialNumber, Kind: l.kind, Counter: l.counter(), Key: key, Own: key != "",
		PINPad: l.hasPad(), Source: l.source,
	}
	l.progress.Person("waiting for the PIN")
	pin, err := l.options.PIN(ctx, request)
	return l.accept(ctx, request, pin, err)
}

// hasPad reports whether the PIN is typed on the device.
func (l *login) hasPad() bool {
	return l.has(pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH) && !l.options.NoPINPad
}

// accept looks at what a PINFunc returned. An empty PIN is not sent: miekg/pkcs11
// makes NULL of it, which means the PIN pad, and some tokens count it as a try.
func (l *login) accept(ctx context.Context, request hardware.PINRequest, pin hardware.PIN, err error) (hardware.PIN, error) {
	if err == nil {
		err = context.Cause(ctx) // nobody waits for the login any more
	}
	if err == nil && request.PINPad {
		clear(pin.Value)
		return hardware.PIN{Guard: pin.Guard}, nil
	}
	if err == nil && len(pin.Value) == 0 {
		err = fmt.Errorf("%w, and an empty one was given", hardware.ErrPINNeeded)
	}
	if err != nil {
		clear(pin.Value)
		return hardware.PIN{}, fmt.Errorf("token %q: %w", request.Device, err)
	}
	return pin, nil
}

// send sends a PIN, once, whatever comes back.
func (l *login) send(user uint, pin hardware.PIN) error {
	secret := hardware.DevicePIN
	if user == pkcs11.CKU_CONTEXT_SPECIFIC {
		secret = hardware.KeyPIN
	}
	return pin.Send(secret, func() error {
		err := l.answered(user, l.Login(l.handle, user, string(pin.Value)))
		if errors.Is(err, hardware.ErrPINUnproven) {
			l.proof = pin.Proved
		}
		return err
	})
}

// prove tells that a signature was made.
func (l *login) prove() {
	if l.proof != nil {
		l.proof()
	}
	l.proof = nil
}

// answered puts into words what the token answered to a PIN. miekg/pkcs11 wants the PIN as
// a string and copies it for C; neither copy can be overwritten from here.
func (l *login) answered(user uint, err error) error {
	code, isAnswer := errors.AsType[pkcs11.Error](err)
	isUser := user == pkcs11.CKU_USER
	switch {
	case err == nil && isUser:
		return l.accepted()
	case err == nil, rv.Is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) && !isUser:
		return l.unvouched() // the state is the user's login's, and says nothing of the key
	case rv.Is(err, rv.PINRefused...):
		return l.refused(code)
	case rv.Is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return l.alreadyIn(err)
	case isAnswer && isUser && !l.claimed && l.isLoggedIn():
		return nil // it says so, and did not before
	}
	return l.recounted(err)
}

// errNobodyIn is a success that is not one.
var errNobodyIn = errors.New("the module says that it has taken the PIN, and that nobody is logged in")

// accepted looks whether the user is logged in, as the module says in answer to a PIN.
func (l *login) accepted() error {
	now := l.account()
	switch {
	case now == accountUser && l.vouches:
		return nil
	case now != accountPublic:
		return l.unvouched()
	case l.shows(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY): // some modules keep no account of who has logged in
		return nil
	}
	return l.recounted(errNobodyIn)
}

// unvouched looks for what shows that the token has taken a PIN or has not, where the module
// says that it has, and its word alone is not enough.
func (l *login) unvouched() error {
	recounted := l.recounted(hardware.ErrPINUnproven)
	if _, refused := errors.AsType[*hardware.PINError](recounted); refused {
		return recounted
	}
	if l.bare && l.showsPrivate() {
		return nil
	}
	return hardware.ErrPINUnproven
}

// alreadyIn looks whether somebody is logged in already, as the token says in answer to a
// PIN: it may have counted it all the same.
func (l *login) alreadyIn(err error) error {
	recounted := l.recounted(err)
	_, refused := errors.AsType[*hardware.PINError](recounted)
	switch {
	case refused:
		return recounted
	case l.claimed && l.bare:
		return l.unvouched()
	case l.claimed, l.isLoggedIn():
		return hardware.ErrPINNotRead
	}
	return recounted
}

// recounted returns the error for an answer that says nothing of the PIN, unless the token's
// counter does.
func (l *login) recounted(err error) error {
	unclear := &hardware.PINUnclearError{Device: "token", Before: l.counter(), Err: l.fail("logging in", err)}
	if rv.Is(err, pkcs11.CKR_ARGUMENTS_BAD) {
		unclear.Err = fmt.Errorf("%w; %s", unclear.Err, remedies.PINForm(l.hasPad()))
	}
	if rv.Is(err, pkcs11.CKR_GENERAL_ERROR) && l.isTPM() {
		unclear.Err = fmt.Errorf("%w; %s", unclear.Err, remedies.ForeignStore(l.path))
	}
	info, failure := l.tokenInfo(l.slot)
	if failure != nil {
		return unclear
	}
	l.info = info
	unclear.After = l.counter()
	if unclear.After.State <= unclear.Before.State {
		return unclear
	}
	return l.refusal(fmt.Sprintf("it counted the PIN as a wrong one, and answered: %v", rv.InWords("logging in", err)))
}

// refused returns the error for a PIN that the token did not take, with the
// counter as it stands now.
func (l *login) refused(code pkcs11.Error) error {
	if info, err := l.tokenInfo(l.slot); err == nil {
		l.info = info
	}
	refused := l.refusal(fmt.Sprintf("%s (%s)", rv.Words(code), rv.Name(code)))
	refused.Locked = refused.Locked || code == pkcs11.CKR_PIN_LOCKED
	refused.Text += l.outlook(refused, code)
	return refused
}

// refusal returns the error for a PIN that the token did not take, by its counter as it was
// last read.
func (t token) refusal(reason string) *hardware.PINError {
	return &hardware.PINError{
		Text:   fmt.Sprintf("token %q: %s", t.info.Label, reason),
		Locked: t.pinState() == hardware.PINLocked, Counter: t.counter(), Unlock: t.unlocking().Command,
	}
}

// unlocking is what unlocks the token's PIN.
func (t token) unlocking() remedies.Unlocking {
	return remedies.Unlock(remedies.Locked{Module: t.path, Maker: t.info.ManufacturerID, Label: t.info.Label, TPM: t.isTPM()})
}

// outlook says what the refusal means for the next try, as far as the token tells.
func (l *login) outlook(refused *hardware.PINError, code pkcs11.Error) string {
	switch {
	case refused.Locked && l.isTPM():
		return "; a TPM counts wrong PINs and power cuts alike and unlocks itself after a time: see tpm2_getcap properties-variable"
	case refused.Locked && code == pkcs11.CKR_PIN_LOCKED:
		return "; " + l.unlocking().By + " can unlock it"
	case refused.Locked:
		return "; it is locked now, and " + l.unlocking().By + " can unlock it"
	case refused.Counter.State == hardware.PINFinalTry:
		return "; one more wrong PIN locks it"
	case refused.Counter.State == hardware.PINLow:
		return "; the token counts wrong PINs, and too many lock it"
	}
	return ""
}
