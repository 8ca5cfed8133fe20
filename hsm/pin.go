package hsm

import (
	"context"
	"errors"
	"fmt"
)

// PINFunc returns the PIN. It is called at most once for each PIN that the token
// asks for, never again after a refusal. An error from it ends the call, and wraps
// hardware.ErrPINNeeded where no PIN can be had.
type PINFunc func(ctx context.Context, request PINRequest) (PIN, error)

// PIN is a PIN as a PINFunc gives it.
type PIN struct {
	// Value is what the token gets. hsm overwrites it after use. nil where the PIN is
	// typed on the device.
	Value []byte

	// Guard is called each time that the PIN is about to go to the token: at the login,
	// for a signature that wants it again, for the session that writes. It calls send once
	// or not at all, and returns its error or one of its own, which ends the call. So its
	// owner can write down that the PIN is on its way before it is, and what became of it:
	// the process may end in between. nil: the PIN is sent.
	//
	// send returns nil if the token took the PIN; a *PINError if it did not; ErrPINNotSent
	// if the PIN never left; ErrPINNotRead if the token did not look at it; ErrPINUnproven if
	// the module says that it did take it, and nothing else does; and a *PINUnclearError for
	// every other answer. It does not return while the module hangs.
	//
	// secret says which of the token's secrets the PIN is sent as.
	Guard func(secret Secret, send func() error) error

	// Proved is called when a signature has shown that the token took a PIN of which that was
	// not proven. nil: nobody is told.
	Proved func()
}

// Secret is one of those that a token compares a PIN with.
type Secret int

const (
	// TokenPIN logs in to the token (CKU_USER).
	TokenPIN Secret = iota
	// KeyPIN is a key's, for one signature (CKU_CONTEXT_SPECIFIC). It is mostly the same.
	KeyPIN
)

// Errors of a PIN's way to the token, which only a Guard sees.
var (
	// ErrPINNotSent: the call ended before the PIN left, for the reason that the error tells.
	ErrPINNotSent = errors.New("the PIN was not sent")
	// ErrPINNotRead: somebody is logged in already, so the token has not looked at the PIN.
	ErrPINNotRead = errors.New("somebody is logged in already, and the PIN was not looked at")
	// ErrPINUnproven: the module says that it took the PIN. What it says about who is logged in
	// cannot be read, or is the same without a login.
	ErrPINUnproven = errors.New("the module says that it has taken the PIN, and shows nothing by which that can be told")
)

// PINUnclearError says that a PIN was sent, and that what came back does not tell whether
// the token took it, or counted it as a wrong one.
type PINUnclearError struct {
	// Before and After are the token's counter before and after the PIN. After is only
	// known if Told.
	Before, After PINState
	Told          bool

	// Err is what came back, in words.
	Err error
}

func (e *PINUnclearError) Error() string {
	return fmt.Sprintf("%v; whether the token took the PIN is not known", e.Err)
}

// Unwrap returns what came back.
func (e *PINUnclearError) Unwrap() error { return e.Err }

// notSentError is ErrPINNotSent with the words of what came before.
type notSentError struct{ error }

// Is reports whether target is ErrPINNotSent.
func (notSentError) Is(target error) bool { return target == ErrPINNotSent }

// Unwrap returns what came before.
func (e notSentError) Unwrap() error { return e.error }

// guarded sends the PIN by its guard. That nobody had to look at it is as good as a login, and
// what is not proven will show.
func (p PIN) guarded(secret Secret, send func() error) (err error) {
	if p.Guard == nil {
		err = send()
	} else {
		err = p.Guard(secret, send)
	}
	if errors.Is(err, ErrPINNotRead) || errors.Is(err, ErrPINUnproven) {
		return nil
	}
	return err
}
