//go:build cgo || windows

package piv

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/ebfe/scard"
)

// The waits between tries to get a card that another program has. They vary at random, so that two
// programs that wait for each other do not meet again and again.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = 250 * time.Millisecond
)

// backoff spaces the tries to get a card that another program has.
type backoff struct {
	wait     time.Duration
	began    time.Time
	deadline time.Time
}

// newBackoff returns a backoff that ends after patience.
func newBackoff(patience time.Duration) *backoff {
	now := time.Now()
	return &backoff{wait: firstWait, began: now, deadline: now.Add(patience)}
}

// again reports whether there is time for another try.
func (b *backoff) again() bool { return time.Now().Before(b.deadline) }

// next returns how long to wait: half of it for certain, so that a holder is not
// pestered, the rest by chance. It grows with each call.
func (b *backoff) next() time.Duration {
	wait := b.wait/2 + rand.N(b.wait)
	b.wait = min(2*b.wait, lastWait)
	return min(wait, max(time.Until(b.deadline), 0))
}

// sleep waits for the next try; false if ctx ends first.
func (b *backoff) sleep(ctx context.Context) bool {
	timer := time.NewTimer(b.next())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// long reports whether the wait is so long that a person should know why.
func (b *backoff) long() bool { return time.Since(b.began) > busyNotice }

// busyNotice is shorter than people wonder and longer than another login takes.
const busyNotice = 300 * time.Millisecond

// patience is how long work on a card that this process has just had waits for the program that
// took it in between: another login, most often, which is over soon.
const patience = 500 * time.Millisecond

// patiently does work again while another program has the card, for a moment. No context
// ends it: what it finishes must be finished, above all the reset that takes a PIN back.
func patiently(work func() error) error {
	wait := newBackoff(patience)
	for {
		err := work()
		if err == nil {
			return nil
		}
		if code, _ := serviceCode(err); code != scard.ErrSharingViolation || !wait.again() {
			return err
		}
		time.Sleep(wait.next())
	}
}
