package signer

import "time"

// clock is the time limit of a run. There are two budgets, the machine's and the
// person's, and one of them runs at a time: a person who looks for the PIN may need longer
// than any machine should. Each is for the whole run, so that a child which asks again and
// again ends nevertheless.
type clock struct {
	timer  *time.Timer
	left   [2]time.Duration // of each budget, when the clock last changed over
	budget int              // the one that runs
	since  time.Time        // when it began to
	begun  time.Time        // when the first one did
}

// The budgets of a clock.
const (
	machine = iota
	person
)

// newClock returns a clock on which the machine's time runs.
func newClock(machines, persons time.Duration) *clock {
	now := time.Now()
	return &clock{timer: time.NewTimer(machines), left: [2]time.Duration{machines, persons}, since: now, begun: now}
}

// run lets a budget run in place of the other.
func (c *clock) run(budget int) {
	if budget == c.budget {
		return
	}
	now := time.Now()
	c.left[c.budget] -= now.Sub(c.since)
	c.budget, c.since = budget, now
	c.timer.Reset(c.left[budget])
}

// spent returns how long the run has taken as a whole.
func (c *clock) spent() time.Duration { return time.Since(c.begun) }
