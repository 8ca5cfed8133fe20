//go:build cgo

package hsm

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// progress says what a goroutine inside a module is doing, to those who wait for
// it.
//
// It is written by that goroutine and read by another at any time.
type progress struct{ now atomic.Pointer[step] }

type step struct {
	doing  string
	person bool // a person is waited for, not the module
}

// module notes that the module is at work, person that a person is asked: the error for a wait
// that was too long says which of the two was too slow.
func (p *progress) module(doing string) { p.now.Store(&step{doing: doing}) }
func (p *progress) person(doing string) { p.now.Store(&step{doing: doing, person: true}) }

// silence returns the error for a wait that the context ended. It gives the cause
// of that, so that a caller finds its own deadline or cancellation again.
func (p *progress) silence(ctx context.Context, module string) error {
	now := p.now.Load()
	if now.person {
		return fmt.Errorf("%w: nobody answered while %s: %w", hardware.ErrPINNeeded, now.doing, context.Cause(ctx))
	}
	return &silenceError{module: module, doing: now.doing, cause: context.Cause(ctx)}
}

// await is hardware.Await for calls into a module. Nothing is begun once ctx has ended.
func await[T any](ctx context.Context, silence func() error, work func() (T, error), late func(T)) (result T, err error) {
	if err := context.Cause(ctx); err != nil {
		return result, err
	}
	return hardware.Await(ctx, silence, broken, work, func(result T, _ error) { late(result) })
}

// call is await for work that begins with a module not yet open. address stands
// for the module in errors.
func call[T any](ctx context.Context, address uri.URI, work func(*progress) (T, error), late func(T)) (T, error) {
	p := &progress{}
	p.module("starting") // before the goroutine runs, since ctx may end first
	return await(ctx,
		func() error { return p.silence(ctx, address.String()) },
		func() (T, error) { return work(p) },
		late)
}

// broken is the error for a panic. miekg/pkcs11 and crypto11 have some, for modules that tell
// impossible lengths and tokens that they did not expect. What was opened stays open until the
// process ends; a call that panics is a call to a broken module.
func broken(panicked any) error {
	return fmt.Errorf("%w: it made the PKCS#11 library fail: %v", ErrModule, panicked)
}

// forget is late for work that leaves nothing open.
func forget[T any](T) {}
