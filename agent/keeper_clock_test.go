package agent_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// The wall clock jumps, as it does when it is set, and when the machine has slept: then
// only the monotonic one has stood still.
func TestWallClockJumps(t *testing.T) {
	tests := []struct {
		name    string
		jump    time.Duration
		refresh error
		want    calls // of a caller right after
	}{
		{"forward, Anaplan knows better", time.Hour, nil, calls{Refresh: 1}},
		{"sleep through the end", time.Hour, errRevoked, calls{Refresh: 1, Sign: 1, Authenticate: 1}},
		{"short sleep", 10 * time.Minute, nil, calls{}},
		{"forward by a year", 365 * 24 * time.Hour, nil, calls{Refresh: 1}},
		{"back", -24 * time.Hour, nil, calls{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				w.token()
				time.Sleep(time.Minute)
				w.took()
				w.set(func() { w.refresh, w.skew = after(time.Second, test.refresh), test.jump })
				w.token()
				w.wantCalls("right after", test.want)
				w.wantState("right after", agent.StateHealthy)
				w.set(func() { w.refresh = nil })
				for range 48 {
					time.Sleep(time.Hour)
					w.token()
				}
				if got := w.took(); got.Sign != 0 || got.Refresh < 80 || got.Refresh > 130 {
					t.Errorf("calls in the two days after: %+v", got)
				}
			})
		})
	}
}

// The machine wakes when the token is about to end: a refresh that hangs leaves time for a login.
func TestSleepUntilShortlyBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		w.set(func() {
			w.skew, w.refresh, w.authenticate = tokenLife-50*time.Second, after(time.Hour, nil), after(5*time.Second, nil)
		})
		w.token()
		if missed := w.sought(time.Minute); missed > 0 {
			t.Errorf("there was no token %d times", missed)
		}
		w.wantCalls("in all", calls{Refresh: 1, Sign: 2, Authenticate: 2})
	})
}

// Nobody asks, but the Keeper looks itself.
func TestSleepIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		w.took()
		time.Sleep(time.Minute)
		w.set(func() { w.skew = 9 * time.Hour })
		time.Sleep(31 * time.Second)
		w.wantCalls("after the night", calls{Refresh: 1})
	})
}

// A retry is seen to be due as well.
func TestSleepEndsABackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, eager)
		w.sign = signing(noDevice)
		w.run()
		time.Sleep(2 * time.Hour)
		w.set(func() { w.sign, w.skew = nil, 9*time.Hour })
		time.Sleep(31 * time.Second)
		w.wantState("after the night", agent.StateHealthy)
	})
}

// A token ends by the monotonic clock though the wall clock was set back, and
// what Anaplan has asked for in patience is not shortened by setting it forward.
func TestMonotonicClockRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.set(func() { w.skew, w.refresh, w.authenticate = -24*time.Hour, always(patience), always(patience) })
		time.Sleep(tokenLife - time.Second)
		if lease := w.token(); lease.Generation != first.Generation {
			t.Errorf("generation %d before the end", lease.Generation)
		}
		time.Sleep(2 * time.Second)
		w.set(func() { w.skew = 24 * time.Hour })
		problem := w.wantProblem("after the end", agent.CodeRateLimited)
		if problem.Wait <= 0 || problem.Wait > patience.Wait {
			t.Errorf("wait %v", problem.Wait)
		}
		w.wantState("after the end", agent.StateDown)
	})
}
