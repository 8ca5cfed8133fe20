package lease_test

import (
	"testing"
	"time"
)

// TestClockOfStoreJumps: it changes nothing, and a leader that ends then is missed as always.
func TestClockOfStoreJumps(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b", "c")
		leader := w.leader()
		for _, jump := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
			time.Sleep(3 * time.Second)
			w.set(func() { w.ahead += jump })
			w.always(30*time.Second, "the same leader", func() bool { return leader.leads() && w.agree() })
		}
		w.set(func() { w.ahead -= time.Hour })
		w.kill(leader.name)
		w.within(late+time.Second, "another leads", w.agree)
	})
}

// TestStartAfterAll: with a store that has a clock nobody waits for a lease that ran out long ago.
func TestStartAfterAll(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a")
		w.kill("a")
		time.Sleep(time.Hour)
		w.join("b", "b:1", nil)
		took := w.within(late, "the next leads", w.agree)
		if w.hasClock && took > time.Second {
			w.Errorf("it took %v", took)
		}
	})
}

// TestMutualSuspicion: two that cannot reach each other do not take the lease in turn without an end.
func TestMutualSuspicion(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start("a", "b")
		before := w.now().Epoch
		w.always(time.Minute, "somebody leads", func() bool {
			for _, one := range w.members {
				one.Suspect(one.View().Address)
			}
			return len(w.leaders()) > 0
		})
		if changes := w.now().Epoch - before; changes < 2 || changes > 14 {
			w.Errorf("the lease changed hands %d times in a minute", changes)
		}
	})
}
