package fair_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/fair"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// interval is how far 600 calls a minute are apart.
const interval = 100 * time.Millisecond

// outcome is what became of a call.
type outcome struct {
	client     string
	asked, end time.Duration // since the rig was made
	err        error
}

// rig is a Limiter in a bubble, and its callers.
type rig struct {
	t *testing.T
	*fair.Limiter
	ctx     context.Context
	started time.Time
	calls   sync.WaitGroup

	mu       sync.Mutex
	outcomes []outcome
}

// bubble runs a test with a rig in a bubble, whose callers must all come to an end.
func bubble(t *testing.T, config fair.Config, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, Limiter: fair.New(config), ctx: t.Context(), started: time.Now()}
		test(t, r)
		r.calls.Wait()
		if stats := r.Stats(); stats.Waiting != 0 || r.Lines() != 0 {
			t.Errorf("at the end %d calls wait, and %d clients are known", stats.Waiting, r.Lines())
		}
	})
}

func (r *rig) elapsed() time.Duration { return time.Since(r.started) }

// wait makes a call, and notes what becomes of it.
func (r *rig) wait(ctx context.Context, client string) error {
	asked := r.elapsed()
	err := r.Wait(ctx, client)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes = append(r.outcomes, outcome{client, asked, r.elapsed(), err})
	return err
}

// ask has a client make so many calls at the same time.
func (r *rig) ask(client string, calls int) {
	for range calls {
		r.calls.Go(func() { r.wait(r.ctx, client) })
	}
	synctest.Wait()
}

// drain uses up what can be sent at once.
func (r *rig) drain() {
	r.t.Helper()
	for range int(r.Stats().Left) {
		if err := r.Wait(r.ctx, "drain"); err != nil {
			r.t.Fatal(err)
		}
	}
}

// took returns what has become of calls since it was last asked, in order.
func (r *rig) took() []outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	outcomes := r.outcomes
	r.outcomes = nil
	return outcomes
}

// wantSent fails the test unless those were sent since it was last asked, in that order,
// with an interval between them.
func (r *rig) wantSent(when string, want ...string) {
	r.t.Helper()
	var got []string
	outcomes := r.took()
	for i, o := range outcomes {
		if o.err != nil {
			r.t.Errorf("%s: %s: %v", when, o.client, o.err)
		}
		if i > 0 && o.end-outcomes[i-1].end != interval {
			r.t.Errorf("%s: call %d was sent %v after the one before", when, i, o.end-outcomes[i-1].end)
		}
		got = append(got, o.client)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("%s: sent %v, want %v", when, got, want)
	}
}

// wantStats fails the test unless the Limiter does so.
func (r *rig) wantStats(when string, want fair.Stats) {
	r.t.Helper()
	if got := r.Stats(); got != want {
		r.t.Errorf("%s: %+v, want %+v", when, got, want)
	}
}

// wantWithin fails the test if more was sent in any time than burst and what is added in
// that time.
func wantWithin(t *testing.T, outcomes []outcome, burst int, interval time.Duration) {
	t.Helper()
	var sent []time.Duration
	for _, o := range outcomes {
		if o.err == nil {
			sent = append(sent, o.end)
		}
	}
	slices.Sort(sent)
	least := 0.0 // of any call so far: how many there were less how many were added
	for i, at := range sent {
		surplus := float64(i) - float64(at)/float64(interval)
		least = min(least, surplus)
		if i == 0 {
			least = surplus
		}
		if surplus-least+1 > float64(burst)+1e-6 {
			t.Fatalf("call %d at %v: %v more than the allowance", i+1, at, surplus-least+1-float64(burst))
		}
	}
}

func names(format string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(format, i))
	}
	return names
}
