package fair_test

import (
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/fair"
)

// TestSpend: what somebody else may have spent is not spent again, and the first call does not wait.
func TestSpend(t *testing.T) {
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		r.Spend()
		r.ask("a", 600)
		for i, o := range r.took() {
			if o.err != nil || o.end != 0 || i > 0 {
				t.Fatalf("call %d is sent at once: %v after %v", i+1, o.err, o.end)
			}
		}
		r.calls.Wait()
		for i, o := range r.took() {
			if want := time.Duration(i+1) * interval; o.err != nil || o.end != want {
				t.Fatalf("call %d: %v after %v, want %v", i+2, o.err, o.end, want)
			}
		}
		time.Sleep(time.Hour)
		r.wantStats("much later", fair.Stats{Left: 600, Waited: 599})
	})
}
