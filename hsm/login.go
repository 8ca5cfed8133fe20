//go:build cgo

package hsm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// A PIN is the one thing here that can be used up. So the counter is read before a
// PIN is asked for, a PIN is sent once, and a refusal ends the call and, for a key
// that wants its PIN for each signature, the Key.

// asker asks for PINs as the caller wants it.
type asker struct {
	ask      hardware.PINFunc
	logIn    bool // also where the token does not ask for it
	noPad    bool // whatever the token says
	source   string
	progress *progress
}

// newAsker returns an asker with the pin-source of the address, which the PINFunc
// may follow; hsm itself reads no file and starts no program for a PIN.
func newAsker(address uri.URI, options Options, progress *progress) asker {
	source, _ := address.Get("pin-source")
	return asker{ask: options.PIN, logIn: options.LogIn, noPad: options.NoPINPad, source: source, progress: progress}
}

// login logs in if the token wants that and nobody in this process has. It
// returns the PIN for keys that want it once more for each signature; the caller
// overwrites it.
func (s *session) login(ctx context.Context, a asker) (pin hardware.PIN, err error) {
	before := s.account()
	s.claimed, s.vouches = before == accountUser, before == accountPublic
	if !s.wantsLogin(a) {
		return hardware.PIN{}, nil
	}
	s.bare = !s.vouches && !s.showsPrivate()
	pin, err = s.askPIN(ctx, a, "")
	if err != nil {
		return hardware.PIN{}, err
	}
	a.progress.module("logging in")
	if err := s.send(pkcs11.CKU_USER, pin); err != nil {
		clear(pin.Value)
		return hardware.PIN{}, err
	}
	return pin, nil
}

// wantsLogin reports whether to log in. A PIN that was named is used: there are tokens
// that hide their keys without saying that they want a login, and modules that claim
// there was one. One that has a PIN says so (CKF_USER_PIN_INITIALIZED).
func (s *session) wantsLogin(a asker) bool {
	if a.logIn && a.ask != nil {
		return s.has(pkcs11.CKF_LOGIN_REQUIRED | pkcs11.CKF_USER_PIN_INITIALIZED)
	}
	return s.has(pkcs11.CKF_LOGIN_REQUIRED) && !s.claimed
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
func (s *session) account() account {
	info, err := s.GetSessionInfo(s.handle)
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

func (s *session) isLoggedIn() bool { return s.account() == accountUser }

// showsPrivate reports whether there are objects that only the user gets to see (CKA_PRIVATE).
func (s *session) showsPrivate() bool {
	private, err := s.find(pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true))
	return err == nil && len(private) > 0
}

// askPIN asks the caller for the PIN: of the token, or of a key that wants one for
// each signature. It is nil where the PIN is typed on the device.
func (s *session) askPIN(ctx context.Context, a asker, key string) (hardware.PIN, error) {
	if s.pinState() == hardware.PINLocked {
		return hardware.PIN{}, s.refused(pkcs11.CKR_PIN_LOCKED)
	}
	if a.ask == nil {
		return hardware.PIN{}, fmt.Errorf("token %q: %w, and there is no way to ask for it", s.info.Label, hardware.ErrPINNeeded)
	}
	request := hardware.PINRequest{
		Device: s.info.Label, Serial: s.info.SerialNumber, Counter: s.counter(), Key: key, Own: key != "",
		PINPad: s.hasPad(a), Source: a.source,
	}
	a.progress.person("waiting for the PIN")
	pin, err := a.ask(ctx, request)
	return s.accept(ctx, request, pin, err)
}

// hasPad reports whether the PIN is typed on the device.
func (s *session) hasPad(a asker) bool {
	return s.has(pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH) && !a.noPad
}

// accept looks at what a PINFunc returned. An empty PIN is not sent: miekg/pkcs11
// makes NULL of it, which means the PIN pad, and some tokens count it as a try.
func (s *session) accept(ctx context.Context, request hardware.PINRequest, pin hardware.PIN, err error) (hardware.PIN, error) {
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
func (s *session) send(user uint, pin hardware.PIN) error {
	secret := hardware.DevicePIN
	if user == pkcs11.CKU_CONTEXT_SPECIFIC {
		secret = hardware.KeyPIN
	}
	return pin.Send(secret, func() error {
		err := s.answered(user, s.Login(s.handle, user, string(pin.Value)))
		if errors.Is(err, hardware.ErrPINUnproven) {
			s.proof = pin.Proved
		}
		return err
	})
}

// prove tells that a signature was made.
func (s *session) prove() {
	if s.proof != nil {
		s.proof()
	}
	s.proof = nil
}

// answered puts into words what the token answered to a PIN. miekg/pkcs11 wants the PIN as
// a string and copies it for C; neither copy can be overwritten from here.
func (s *session) answered(user uint, err error) error {
	code, isAnswer := errors.AsType[pkcs11.Error](err)
	isUser := user == pkcs11.CKU_USER
	switch {
	case err == nil && isUser:
		return s.accepted()
	case err == nil, isCode(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) && !isUser:
		return s.unvouched() // the state is the user's login's, and says nothing of the key
	case isCode(err, pinCodes...):
		return s.refused(code)
	case isCode(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return s.alreadyIn(err)
	case isAnswer && isUser && !s.claimed && s.isLoggedIn():
		return nil // it says so, and did not before
	}
	return s.recounted(err)
}

// errNobodyIn is a success that is not one.
var errNobodyIn = errors.New("the module says that it has taken the PIN, and that nobody is logged in")

// accepted looks whether the user is logged in, as the module says in answer to a PIN.
func (s *session) accepted() error {
	now := s.account()
	switch {
	case now == accountUser && s.vouches:
		return nil
	case now != accountPublic:
		return s.unvouched()
	case s.showsKeys(): // some modules keep no account of who has logged in
		return nil
	}
	return s.recounted(errNobodyIn)
}

func (s *session) showsKeys() bool {
	keys, err := s.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY))
	return err == nil && len(keys) > 0
}

// unvouched looks for what shows that the token has taken a PIN or has not, where the module
// says that it has, and its word alone is not enough.
func (s *session) unvouched() error {
	recounted := s.recounted(hardware.ErrPINUnproven)
	if _, refused := errors.AsType[*hardware.PINError](recounted); refused {
		return recounted
	}
	if s.bare && s.showsPrivate() {
		return nil
	}
	return hardware.ErrPINUnproven
}

// alreadyIn looks whether somebody is logged in already, as the token says in answer to a
// PIN: it may have counted it all the same.
func (s *session) alreadyIn(err error) error {
	recounted := s.recounted(err)
	_, refused := errors.AsType[*hardware.PINError](recounted)
	switch {
	case refused:
		return recounted
	case s.claimed && s.bare:
		return s.unvouched()
	case s.claimed, s.isLoggedIn():
		return hardware.ErrPINNotRead
	}
	return recounted
}

// recounted returns the error for an answer that says nothing of the PIN, unless the token's
// counter does.
func (s *session) recounted(err error) error {
	unclear := &hardware.PINUnclearError{Device: "token", Before: s.counter(), Err: s.fail("logging in", err)}
	if isCode(err, pkcs11.CKR_ARGUMENTS_BAD) {
		unclear.Err = fmt.Errorf("%w; some modules want a user's name before the PIN, as in USER:PIN", unclear.Err)
	}
	info, failure := s.tokenInfo(s.slot)
	if failure != nil {
		return unclear
	}
	s.info = info
	unclear.After = s.counter()
	if unclear.After.State <= unclear.Before.State {
		return unclear
	}
	return s.refusal(fmt.Sprintf("it counted the PIN as a wrong one, and answered: %v", inWords("logging in", err)))
}

// refused returns the error for a PIN that the token did not take, with the
// counter as it stands now.
func (s *session) refused(code pkcs11.Error) error {
	if info, err := s.tokenInfo(s.slot); err == nil {
		s.info = info
	}
	refused := s.refusal(fmt.Sprintf("%s (%s)", wordsFor(code), codeName(code)))
	refused.Locked = refused.Locked || code == pkcs11.CKR_PIN_LOCKED
	refused.Text += s.outlook(refused, code)
	return refused
}

// refusal returns the error for a PIN that the token did not take, by its counter as it was
// last read.
func (t token) refusal(reason string) *hardware.PINError {
	return &hardware.PINError{
		Text:   fmt.Sprintf("token %q: %s", t.info.Label, reason),
		Locked: t.pinState() == hardware.PINLocked, Counter: t.counter(),
	}
}

// outlook says what the refusal means for the next try, as far as the token tells.
func (s *session) outlook(refused *hardware.PINError, code pkcs11.Error) string {
	switch {
	case refused.Locked && s.isTPM():
		return "; a TPM counts wrong PINs and power cuts alike and unlocks itself after a time: see tpm2_getcap properties-variable, and tpm2_dictionarylockout -c to unlock it now"
	case refused.Locked && code == pkcs11.CKR_PIN_LOCKED:
		return "; its security officer can unlock it"
	case refused.Locked:
		return "; it is locked now, and its security officer can unlock it"
	case refused.Counter.State == hardware.PINFinalTry:
		return "; one more wrong PIN locks it"
	case refused.Counter.State == hardware.PINLow:
		return "; the token counts wrong PINs, and too many lock it"
	}
	return ""
}

// isTPM reports whether the module is tpm2-pkcs11. The token does not tell: its
// maker is that of the TPM, and its model whatever that maker wrote into it.
func (s *session) isTPM() bool {
	info, err := s.GetInfo()
	return err == nil && strings.Contains(strings.ToLower(info.ManufacturerID+info.LibraryDescription), "tpm2")
}
