package piv

import (
	"context"
	"fmt"
)

// PINFunc returns the PIN. It is called at most once a call, never again after a
// refusal. An error from it ends the call, and wraps hardware.ErrPINNeeded where no PIN can be had.
type PINFunc func(ctx context.Context, request PINRequest) (PIN, error)

// PIN is a PIN as a PINFunc gives it.
type PIN struct {
	// Value is what the card gets. piv overwrites it after use.
	Value []byte

	// Guard is called each time that the PIN is about to go to the card. It calls send once
	// or not at all, and returns its error or one of its own, which ends the call. So its
	// owner can write down that the PIN is on its way before it is, and what became of it:
	// the process may end in between. nil: the PIN is sent.
	//
	// send returns nil if the card took the PIN; a *PINError if it did not; and a
	// *PINUnclearError for every other answer, and for none. It does not return while the
	// card is mute.
	Guard func(send func() error) error
}

// PINUnclearError says that a PIN was sent, and that what came back does not tell whether
// the card took it, or counted it as a wrong one.
type PINUnclearError struct {
	// Before and After are the tries that the card had left before and after; -1: it did
	// not tell. One that has as many as before has not counted.
	Before, After int

	// Err is what came back, in words.
	Err error
}

func (e *PINUnclearError) Error() string {
	if e.Before >= 0 && e.Before == e.After {
		return fmt.Sprintf("%v; the card has not counted that as a wrong PIN", e.Err)
	}
	return fmt.Sprintf("%v; whether the card took the PIN is not known", e.Err)
}

// Unwrap returns what came back.
func (e *PINUnclearError) Unwrap() error { return e.Err }

// guarded sends the PIN by its guard.
func (p PIN) guarded(send func() error) error {
	if p.Guard == nil {
		return send()
	}
	return p.Guard(send)
}
