package fair_test

import (
	"testing"
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
