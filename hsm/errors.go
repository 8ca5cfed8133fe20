package hsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

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
	if device, ok := errors.AsType[*rv.Error](err); ok {
		return !device.Final
	}
	_, silent := errors.AsType[*progress.SilenceError](err)
	return silent || errors.Is(err, ErrNoToken)
}
