//go:build cgo

package hsm

import (
	"context"
	"fmt"
	"sync/atomic"
)

// progress says what a goroutine inside a module is doing, to those who wait for
// it.
type progress struct{ now atomic.Pointer[step] }

// step is a thing that can take for ever.
type step struct {
	doing  string
	person bool // a person is waited for, not the module
}

func (p *progress) module(doing string) { p.now.Store(&step{doing: doing}) }
func (p *progress) person(doing string) { p.now.Store(&step{doing: doing, person: true}) }

// silence returns the error for a wait that the context ended.
func (p *progress) silence(ctx context.Context, module string) error {
	now := p.now.Load()
	if now.person {
		return fmt.Errorf("%w: nobody answered while %s: %w", ErrPINNeeded, now.doing, context.Cause(ctx))
	}
	return &silenceError{module: module, doing: now.doing, cause: context.Cause(ctx)}
}

// await runs work, which calls into a module, in a goroutine of its own and
// returns its result. A call into C cannot be interrupted, so when ctx ends first
// await leaves the goroutine behind, and late gets the result if work ever ends.
func await[T any](ctx context.Context, silence func() error, work func() (T, error), late func(T)) (result T, err error) {
	if err := context.Cause(ctx); err != nil {
		return result, err
	}
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome)
	go func() {
		result, err := work()
		select {
		case done <- outcome{result, err}:
		case <-ctx.Done():
			late(result)
		}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return result, silence()
	}
}
