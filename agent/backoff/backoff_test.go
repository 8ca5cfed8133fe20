package backoff_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

func TestJitterStaysWithinItsLimit(t *testing.T) {
	for _, limit := range []time.Duration{-1, 0, 1, time.Second} {
		for range 100 {
			if got := backoff.Jitter(limit); got < 0 || got > max(limit-1, 0) {
				t.Fatalf("Jitter(%v) = %v", limit, got)
			}
		}
	}
}

func TestDoubled(t *testing.T) {
	for times, want := range map[int]time.Duration{-1: 1, 0: 1, 1: 2, 2: 4, 3: 5, 1000: 5} {
		if got := backoff.Doubled(time.Second, 5*time.Second, times); got != want*time.Second {
			t.Errorf("Doubled(1s, 5s, %d) = %v, want %v", times, got, want*time.Second)
		}
	}
	if got := backoff.Doubled(time.Minute, time.Second, 0); got != time.Second {
		t.Errorf("the bound does not hold for the first: %v", got)
	}
}

func TestDelayLeavesHalfToChance(t *testing.T) {
	for failures, whole := range map[int]time.Duration{1: time.Second, 3: 4 * time.Second, 90: 5 * time.Second} {
		for range 100 {
			if got := backoff.Delay(time.Second, 5*time.Second, failures); got < whole/2 || got >= whole {
				t.Fatalf("Delay after %d failures = %v, want %v to %v", failures, got, whole/2, whole)
			}
		}
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := backoff.Sleep(t.Context(), time.Hour); err != nil || time.Since(began) != time.Hour {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		if err := backoff.Sleep(ctx, time.Hour); err != stop {
			t.Errorf("got %v, want the cause", err)
		}
	})
}
