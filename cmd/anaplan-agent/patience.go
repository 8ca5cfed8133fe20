package main

import (
	"context"
	"fmt"
	"time"
)

// patience ends a context once machines have taken too long. The time that
// people take does not count: it stands still between pause and resume.
type patience struct {
	timer *time.Timer
	left  time.Duration
	since time.Time
}

// timeoutError is the cause of a context that patience has ended.
type timeoutError struct{ limit time.Duration }

// Error implements error.
func (e timeoutError) Error() string { return fmt.Sprintf("not done within %v", e.limit) }

// Timeout implements net.Error's idea of it.
func (e timeoutError) Timeout() bool { return true }

// withPatience returns a context that ends with a timeoutError after limit.
func withPatience(parent context.Context, limit time.Duration) (context.Context, *patience, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	p := &patience{left: limit, since: time.Now()}
	p.timer = time.AfterFunc(limit, func() { cancel(timeoutError{limit}) })
	return ctx, p, func() {
		p.timer.Stop()
		cancel(nil)
	}
}

// pause stops the clock until the returned function is called.
func (p *patience) pause() (resume func()) {
	if !p.timer.Stop() {
		return func() {}
	}
	p.left -= time.Since(p.since)
	return func() {
		p.since = time.Now()
		p.timer.Reset(p.left)
	}
}
