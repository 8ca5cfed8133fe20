//go:build cgo

package hsm

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// A module is somebody else's C code: it may wait for a network, for a finger on a
// pad, or for ever. Nothing in Go can interrupt it, so every visit to one is made
// by a goroutine that can be left behind. What it leaves behind with it (a thread,
// a session, perhaps a lock inside the module) lasts until the process ends, which
// is why a login is best made in a process of its own.

// progress says what a goroutine inside a module is doing, to those who wait for
// it.
//
// It is written by that goroutine and read by another at any time.
type progress struct{ now atomic.Pointer[step] }

// step is a thing that can take for ever.
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

// await runs work, which calls into a module, in a goroutine of its own and
// returns its result. A call into C cannot be interrupted, so when ctx ends first
// await leaves the goroutine behind, and late gets the result if work ever ends.
func await[T any](ctx context.Context, silence func() error, work func() (T, error), late func(T)) (result T, err error) {
	if err := context.Cause(ctx); err != nil {
		return result, err // before anything was begun
	}
	// The channel has no buffer: either the caller takes the result, or late does,
	// and none is lost between them.
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome)
	go func() {
		var o outcome
		o.err = recovered(func() (err error) {
			o.result, err = work()
			return err
		})
		select {
		case done <- o:
		case <-ctx.Done():
			late(o.result)
		}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return result, silence()
	}
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

// recovered makes an error of a panic. miekg/pkcs11 and crypto11 have some, for
// modules that tell impossible lengths and tokens that they did not expect, and in
// a goroutine one would end the whole process. What work had opened stays open until
// that ends; a call that panics is a call to a broken module.
func recovered(work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: it made the PKCS#11 library fail: %v", ErrModule, p)
		}
	}()
	return work()
}

// forget is late for work that leaves nothing open.
func forget[T any](T) {}
