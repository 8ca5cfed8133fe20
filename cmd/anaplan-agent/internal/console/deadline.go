package console

// The time limit of a command. It is not a plain deadline, because a person who looks for the PIN
// may need longer than any machine should.

import (
	"context"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Deadline ends a context once machines have taken too long. The time that people take does not
// count: the clock stands still between Pause and resume.
type Deadline struct {
	timer *time.Timer   // ends the context; stopped while a person is asked
	left  time.Duration // of the limit, when the clock last began to run
	since time.Time     // when that was

	// Tell is told when a person is waited for and when no longer. It is set in a signer process,
	// since the agent that waits for it has a clock of its own.
	Tell agent.NotifyFunc
}

// TimeoutError is the cause of a context that a Deadline has ended.
type TimeoutError struct{ Limit time.Duration }

func (e TimeoutError) Error() string { return fmt.Sprintf("not done within %v", e.Limit) }

// Timeout is for packages that tell a timeout from a broken connection, as net.Error does.
func (e TimeoutError) Timeout() bool { return true }

// WithDeadline returns a context that ends with a TimeoutError after limit, and a function to call
// when the work is done. The cause names the limit, since "context deadline exceeded" does not tell
// a person what to change.
func WithDeadline(parent context.Context, limit time.Duration) (context.Context, *Deadline, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	d := &Deadline{left: limit, since: time.Now()}
	d.timer = time.AfterFunc(limit, func() { cancel(TimeoutError{limit}) })
	return ctx, d, func() {
		d.timer.Stop()
		cancel(nil)
	}
}

// Pause stops the clock until the returned function is called. After the end it does nothing.
// Pauses must not overlap.
func (d *Deadline) Pause() (resume func()) {
	if !d.timer.Stop() {
		return func() {}
	}
	d.left -= time.Since(d.since)
	d.Tell.Tell(agent.NoticePerson, "a person is asked for the PIN")
	return func() {
		d.since = time.Now()
		d.timer.Reset(d.left)
		d.Tell.Tell(agent.NoticeWorking, "")
	}
}
