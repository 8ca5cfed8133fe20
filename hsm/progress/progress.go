// Package progress says what a module is doing, to those who wait for it. Package hsm uses it.
package progress

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// Progress is what a goroutine inside a module is doing.
//
// It is written by that goroutine and read by another at any time.
type Progress struct{ now atomic.Pointer[step] }

type step struct {
	doing  string
	person bool // a person is waited for, not the module
}

// Module notes that the module is at work. The error for a wait that was too long says which of the
// two was too slow, the module or a person.
func (p *Progress) Module(doing string) { p.now.Store(&step{doing: doing}) }

// Person notes that a person is asked.
func (p *Progress) Person(doing string) { p.now.Store(&step{doing: doing, person: true}) }

// Silence returns the error for a wait that the context ended. It gives the cause
// of that, so that a caller finds its own deadline or cancellation again.
func (p *Progress) Silence(ctx context.Context, module string) error {
	now := p.now.Load()
	if now.person {
		return fmt.Errorf("%w: nobody answered while %s: %w", hardware.ErrPINNeeded, now.doing, context.Cause(ctx))
	}
	return &SilenceError{Module: module, Doing: now.doing, Cause: context.Cause(ctx)}
}

// SilenceError says that a module did not answer before the caller's time ended.
type SilenceError struct {
	Module string // its address
	Doing  string
	Cause  error
}

func (e *SilenceError) Error() string {
	return fmt.Sprintf("the module %s did not answer while %s: %v", e.Module, e.Doing, e.Cause)
}

// Unwrap returns why the caller's time ended.
func (e *SilenceError) Unwrap() error { return e.Cause }
