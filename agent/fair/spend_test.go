package fair_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/fair"
)

// TestSpend: what somebody else may have spent is not spent again, the last call a moment ago included.
func TestSpend(t *testing.T) {
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		r.Spend()
		r.ask("a", 600)
		if sent := r.took(); len(sent) > 0 {
			t.Fatalf("%d calls are sent at once", len(sent))
		}
		r.calls.Wait()
		for i, o := range r.took() {
			if want := time.Duration(i+1) * interval; o.err != nil || o.end != want {
				t.Fatalf("call %d: %v after %v, want %v", i+1, o.err, o.end, want)
			}
		}
		time.Sleep(time.Hour)
		r.wantStats("much later", fair.Stats{Left: 600, Waited: 600})
	})
}

// TestInTurn: whatever is asked for, and whoever has the allowance, no more is sent in any minute than one
// may send; a turn begins with a wait for one call, and what a minute allows is used but for a tenth.
func TestInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute = 600
		var mu sync.Mutex
		var sent []time.Time
		var calls sync.WaitGroup
		for _, turn := range []time.Duration{70 * time.Second, 500 * time.Millisecond, 20 * time.Second, 3 * time.Second, 90 * time.Second} {
			limiter, began := fair.New(fair.InTurn(perMinute)), time.Now()
			if len(sent) > 0 {
				limiter.Spend()
			}
			first := len(sent)
			for range 50 {
				calls.Go(func() {
					for time.Since(began) < turn && limiter.Wait(t.Context(), "a") == nil {
						mu.Lock()
						sent = append(sent, time.Now())
						mu.Unlock()
					}
				})
			}
			time.Sleep(turn)
			calls.Wait()
			if len(sent) == first || sent[first].Sub(began) > time.Second/8 {
				t.Errorf("the first call of a turn of %v waits longer than for one call", turn)
			}
		}
		if busiest := most(sent, time.Minute); busiest > perMinute || busiest < perMinute*8/10 {
			t.Errorf("%d calls in a minute, and %d may be sent", busiest, perMinute)
		}
	})
}

// most returns how many of the times are in any period at most.
func most(times []time.Time, period time.Duration) (most int) {
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= period {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
