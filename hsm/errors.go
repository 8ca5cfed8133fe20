package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// deviceError is what a module returned, in words. The code is in the text only:
// no caller shall decide by it, see Transient.
type deviceError struct {
	doing string // "logging in"
	words string
	code  string // "CKR_DEVICE_REMOVED"
	final bool   // asking again cannot help

	protected bool // the token cannot be written to

	refusal bool // the token does not take what it was asked to do or to make, and never will
}

func (e *deviceError) Error() string { return fmt.Sprintf("%s: %s (%s)", e.doing, e.words, e.code) }

// RefusalError is ErrNotMade or ErrNoImport, with what a person needs to have the maker's tool make
// the key.
type RefusalError struct {
	Module       string // its file
	Manufacturer string // of the token, by its own words
	Token        string // its label

	Key  uri.URI // where the key was to be, with its label
	Bits int     // of the key; 0: it was to be imported

	// Longest is how many bits the keys have at most that the token makes, by its own words; 0: it
	// does not tell, or they are not fewer than were asked for.
	Longest int

	// Shorter: a key of fewer bits may be made. Protected: nothing is written to the token, and its
	// maker's tool writes nothing either before that is changed.
	Shorter, Protected bool

	Err error
}

func (e *RefusalError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal in words.
func (e *RefusalError) Unwrap() error { return e.Err }

// ModuleError is ErrModule of a module that loads, and then does not start or does not list its slots.
type ModuleError struct {
	Module string // its file

	// Told: the text has what to do about it, which depends on the module.
	Told bool

	Err error
}

func (e *ModuleError) Error() string { return fmt.Sprintf("%v: %s: %v", ErrModule, e.Module, e.Err) }

// Unwrap returns ErrModule and what the module said.
func (e *ModuleError) Unwrap() []error { return []error{ErrModule, e.Err} }

// silenceError says that a module did not answer before the caller's time ended.
type silenceError struct {
	module string
	doing  string
	cause  error
}

func (e *silenceError) Error() string {
	return fmt.Sprintf("the module %s did not answer while %s: %v", e.module, e.doing, e.cause)
}

// Unwrap returns why the caller's time ended.
func (e *silenceError) Unwrap() error { return e.cause }

// Transient reports whether err is trouble of the device that may pass: a token
// that is not there, a module that fails or does not answer. Such a call may be
// made again later, best in a new process, because a module that failed once is
// in no known state. What a person must put right (a refused PIN, a wrong
// address, a certificate that ended) is not transient, nor is a call that its
// caller cancelled.
func Transient(err error) bool {
	if _, refused := errors.AsType[*hardware.PINError](err); refused || errors.Is(err, context.Canceled) {
		return false
	}
	if device, ok := errors.AsType[*deviceError](err); ok {
		return !device.final
	}
	_, silent := errors.AsType[*silenceError](err)
	return silent || errors.Is(err, ErrNoToken)
}
