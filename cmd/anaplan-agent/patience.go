package main

// The time limit of a command. It is no plain deadline because a person who looks for
// the PIN may need longer than any machine should.

import (
	"context"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// patience ends a context once machines have taken too long. The time that
// people take does not count: it stands still between pause and resume.
type patience struct {
	timer *time.Timer   // ends the context; stopped while a person is asked
	left  time.Duration // of the limit, when the clock last began to run
	since time.Time     // when that was

	// tell is told when a person is waited for and when no longer, in a signer process:
	// whoever waits for that has a clock of its own.
	tell agent.NotifyFunc
}

// timeoutError is the cause of a context that patience has ended.
type timeoutError struct{ limit time.Duration }

// Error implements error.
func (e timeoutError) Error() string { return fmt.Sprintf("not done within %v", e.limit) }

// Timeout implements net.Error's idea of it, by which packages below tell a time
// that is up from a connection that broke.
func (e timeoutError) Timeout() bool { return true }

// withPatience returns a context that ends with a timeoutError after limit, and a
// function to call when the work is done. The cause says the limit, since "context
// deadline exceeded" tells a person neither what was too slow nor what to set.
func withPatience(parent context.Context, limit time.Duration) (context.Context, *patience, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	p := &patience{left: limit, since: time.Now()}
	p.timer = time.AfterFunc(limit, func() { cancel(timeoutError{limit}) })
	return ctx, p, func() {
		p.timer.Stop()
		cancel(nil)
	}
}

// pause stops the clock until the returned function is called. After the end there
// is nothing to stop. Pauses must not overlap.
func (p *patience) pause() (resume func()) {
	if !p.timer.Stop() {
		return func() {}
	}
	p.left -= time.Since(p.since)
	p.tell.Tell(agent.NoticePerson, "a person is asked for the PIN")
	return func() {
		p.since = time.Now()
		p.timer.Reset(p.left)
		p.tell.Tell(agent.NoticeWorking, "")
	}
}
