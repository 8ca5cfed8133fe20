//go:build cgo || windows

package piv

import (
	"errors"
	"time"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// The waits between tries to get a card that another program has.
const (
	firstWait = 20 * time.Millisecond
	lastWait  = 250 * time.Millisecond
)

// waits space the tries to get a card that another program has.
type waits struct {
	tries           int
	began, deadline time.Time
}

func newWaits(patience time.Duration) *waits {
	now := time.Now()
	return &waits{began: now, deadline: now.Add(patience)}
}

// again reports whether there is time for another try.
func (w *waits) again() bool { return time.Now().Before(w.deadline) }

// next returns how long to wait before the next try.
func (w *waits) next() time.Duration {
	w.tries++
	return min(backoff.Delay(firstWait, lastWait, w.tries), max(time.Until(w.deadline), 0))
}

// long reports whether the wait is so long that a person should know why.
func (w *waits) long() bool { return time.Since(w.began) > busyNotice }

// busyNotice is shorter than people wonder and longer than another login takes.
const busyNotice = 300 * time.Millisecond

// patience is how long work on a card that this process has just had waits for the program that
// took it in between, another login most often, which is over soon; and how long a card may take
// until its PIV application starts.
const patience = 500 * time.Millisecond

// patiently does work again while another program has the card, or it is about to start, for a
// moment. No context
// ends it: what it finishes must be finished, above all the reset that takes a PIN back.
func patiently(work func() error) error {
	wait := newWaits(patience)
	for {
		err := work()
		if err == nil {
			return nil
		}
		code, _ := serviceCode(err)
		if passing := code == pcsc.ErrSharingViolation || errors.Is(err, errAsleep); !passing || !wait.again() {
			return err
		}
		time.Sleep(wait.next())
	}
}
