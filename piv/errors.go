package piv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// deviceError is what the card or the PC/SC service said, in words. The code is in the
// text only: no caller shall decide by it, but by what it wraps.
type deviceError struct {
	kind  error // ErrRemoved, ErrBusy and so on
	doing string
	words string
	code  string // "80100069" or "6982"
}

func (e *deviceError) Error() string {
	return fmt.Sprintf("%v: %s: %s (%s)", e.kind, e.doing, e.words, e.code)
}

// Unwrap returns what to branch on.
func (e *deviceError) Unwrap() error { return e.kind }

// CardError is an error of a card, or of the way to one. It has the text of what it wraps, and
// is there for who explains the errors that tokens and cards share: what to do about a key
// depends on the device.
type CardError struct {
	Err  error
	Card pivuri.URI // the address that means the card, of those that are there; zero: none was reached
}

func (e *CardError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *CardError) Unwrap() error { return e.Err }

// OtherMakerError is an error of a card that is not a YubiKey, where that is why. It has the text of
// what it wraps, and is there for who knows of other ways to such cards.
type OtherMakerError struct {
	Err error

	// ReadOnly: neither keys nor certificates are put on the card from here. Slot is where one was to
	// be; 0: nowhere.
	ReadOnly bool
	Slot     pivuri.Slot
}

func (e *OtherMakerError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *OtherMakerError) Unwrap() error { return e.Err }

// UntoldError is hardware.ErrNoKey of a card that does not tell of its keys: no key shows, and there may
// be one.
type UntoldError struct {
	Card pivuri.URI // with the slot that a key was looked for in; 0: in all
	Name string     // of the card
	Told bool       // of keys that were made on it, and not of those that were put there
}

func (e *UntoldError) Error() string {
	kind := "a key"
	if e.Told {
		kind = "a key that was put there"
	}
	if e.Card.Slot == 0 {
		return fmt.Sprintf("%s does not tell whether slots without a certificate hold %s", e.Name, kind)
	}
	return fmt.Sprintf("%s: the slot holds no certificate, and %s does not tell whether it holds %s", e.Card, e.Name, kind)
}

// In returns the error of another slot of the same card.
func (e *UntoldError) In(slot pivuri.Slot) *UntoldError {
	other := *e
	other.Card.Slot = slot
	return &other
}

// Unwrap returns what to branch on.
func (e *UntoldError) Unwrap() error { return hardware.ErrNoKey }

// ofCard returns err as a CardError; nil for nil.
func ofCard(err error) error {
	if err == nil {
		return nil
	}
	return &CardError{Err: err}
}

// Transient reports whether err is trouble that may pass: a card that is not there,
// in use or out of its mind, a service that does not run. Such a call may be made again
// later. What a person must put right (a refused PIN, a card that was not touched, a
// wrong address, a certificate that ended) is not transient, nor is a call that its
// caller cancelled.
func Transient(err error) bool {
	if _, refused := errors.AsType[*hardware.PINError](err); refused || errors.Is(err, context.Canceled) {
		return false
	}
	passing := []error{ErrNoService, ErrNoCard, ErrBusy, ErrRemoved, ErrDevice}
	return slices.ContainsFunc(passing, func(kind error) bool { return errors.Is(err, kind) })
}
