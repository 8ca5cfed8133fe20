package fair_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/fair"
)

// wantBusy fails the test unless the error is a BusyError with that RetryAfter.
func wantBusy(t *testing.T, when string, err error, want time.Duration) {
	t.Helper()
	busy, ok := errors.AsType[*fair.BusyError](err)
	if !ok {
		t.Errorf("%s: %v, want a BusyError", when, err)
	} else if busy.RetryAfter != want {
		t.Errorf("%s: retry after %v, want %v", when, busy.RetryAfter, want)
	}
}

func TestBurstAndThenRate(t *testing.T) {
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		r.ask("a", 650)
		for i, o := range r.took() {
			if o.err != nil || o.end != 0 {
				t.Fatalf("call %d: %v after %v", i+1, o.err, o.end)
			}
		}
		r.wantStats("after the burst", fair.Stats{Waiting: 50})
		r.calls.Wait()
		for i, o := range r.took() {
			if want := time.Duration(i+1) * interval; o.err != nil || o.end != want {
				t.Fatalf("call %d after the burst: %v after %v, want %v", i+1, o.err, o.end, want)
			}
		}
		r.wantStats("then", fair.Stats{Waited: 50})
		time.Sleep(30 * time.Second)
		r.wantStats("half a minute later", fair.Stats{Left: 300, Waited: 50})
		time.Sleep(time.Hour)
		r.wantStats("much later", fair.Stats{Left: 600, Waited: 50})
	})
}

func TestGreedyClientDelaysNobody(t *testing.T) {
	config := fair.Config{Burst: 1, MaxWait: time.Hour}
	bubble(t, config, func(t *testing.T, r *rig) {
		r.drain()
		r.ask("greedy", 1000)
		time.Sleep(10*interval + interval/2)
		r.took()
		for range 20 {
			asked := r.elapsed()
			if err := r.Wait(r.ctx, "modest"); err != nil {
				t.Fatal(err)
			}
			if took := r.elapsed() - asked; took > 2*interval {
				t.Errorf("a call took %v", took)
			}
		}
		r.wantStats("then", fair.Stats{Waiting: 1000 - 10 - 20, Waited: 10 + 20 + 20})
	})
}

// A client with one call after the other gets as many as one with many waiting, and no more.
func TestTurns(t *testing.T) {
	config := fair.Config{Burst: 1, MaxWait: time.Hour}
	bubble(t, config, func(t *testing.T, r *rig) {
		r.drain()
		r.ask("a", 3)
		r.ask("b", 2)
		r.ask("c", 1)
		time.Sleep(3*interval + interval/2)
		r.wantSent("first round", "a", "b", "c")
		r.ask("c", 2)
		r.ask("d", 1)
		r.calls.Wait()
		r.wantSent("then", "a", "b", "c", "d", "a", "c")
	})
	bubble(t, config, func(t *testing.T, r *rig) {
		r.drain()
		r.ask("greedy", 100)
		for _, client := range []string{"one", "other"} {
			r.calls.Go(func() {
				for range 30 {
					r.wait(r.ctx, client)
				}
			})
			synctest.Wait()
		}
		time.Sleep(90*interval + interval/2)
		var want []string
		for range 30 {
			want = append(want, "greedy", "one", "other")
		}
		r.wantSent("three who never stop", want...)
	})
}

// A call that comes in the moment in which another's turn has come does not take it.
func TestNobodyOvertakes(t *testing.T) {
	bubble(t, fair.Config{Burst: 1}, func(t *testing.T, r *rig) {
		r.drain()
		for range 50 {
			r.calls.Go(func() {
				time.Sleep(interval)
				r.wait(r.ctx, "late")
			})
			synctest.Wait()
			r.ask("early", 1)
			r.calls.Wait()
			r.wantSent("two", "early", "late")
		}
	})
}

func TestRateIsNeverAboveTheAllowance(t *testing.T) {
	tests := []struct {
		name     string
		config   fair.Config
		interval time.Duration
	}{
		{"as Anaplan's", fair.Config{}, interval},
		{"small burst", fair.Config{Burst: 3}, interval},
		{"slow and odd", fair.Config{PerMinute: 7, Burst: 2, MaxWait: time.Hour}, time.Minute / 7},
		{"fast and odd", fair.Config{PerMinute: 7001, Burst: 50}, time.Minute / 7001},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, test.config, func(t *testing.T, r *rig) {
				random := rand.New(rand.NewPCG(1, 2))
				for r.elapsed() < 10*time.Minute {
					r.ask(names("client-%d", 4)[random.IntN(4)], random.IntN(200))
					if random.IntN(20) == 0 {
						r.Hold(time.Duration(random.IntN(5000)) * time.Millisecond)
					}
					time.Sleep(time.Duration(random.IntN(20_000)) * time.Millisecond)
				}
				r.calls.Wait()
				burst := test.config.Burst
				if burst == 0 {
					burst = 600
				}
				outcomes := r.took()
				wantWithin(t, outcomes, burst, test.interval)
				wantNobodyWaitsInVain(t, outcomes, test.config.MaxWait)
			})
		})
	}
}

// wantNobodyWaitsInVain fails the test if somebody waited for too long.
func wantNobodyWaitsInVain(t *testing.T, outcomes []outcome, most time.Duration) {
	t.Helper()
	if most == 0 {
		most = time.Minute
	}
	for _, o := range outcomes {
		if o.end-o.asked > most {
			t.Errorf("a call was answered after %v: %v", o.end-o.asked, o.err)
		}
		if busy, ok := errors.AsType[*fair.BusyError](o.err); ok && busy.RetryAfter+o.end-o.asked <= most {
			t.Errorf("refused after %v, though it was %v to its turn", o.end-o.asked, busy.RetryAfter)
		}
	}
}

func TestHold(t *testing.T) {
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		r.Hold(10 * time.Second)
		r.wantStats("held", fair.Stats{HeldFor: 10 * time.Second, Held: 1})
		r.ask("a", 2)
		r.ask("b", 1)
		time.Sleep(4 * time.Second)
		for _, shorter := range []time.Duration{time.Second, 0, -time.Second, math.MinInt64} {
			r.Hold(shorter)
		}
		r.wantStats("after shorter ones", fair.Stats{Waiting: 3, HeldFor: 6 * time.Second, Held: 1})
		time.Sleep(6*time.Second - time.Nanosecond)
		r.wantSent("before the end")
		r.calls.Wait()
		if got := r.elapsed(); got != 10*time.Second+2*interval {
			t.Errorf("the last was sent after %v", got)
		}
		r.wantSent("after the end", "a", "b", "a") // not all at once
		time.Sleep(time.Minute)
		r.wantStats("at last", fair.Stats{Left: 600, Waited: 3, Held: 1})
	})
}

func TestHoldIsLengthened(t *testing.T) {
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		r.Hold(time.Second)
		r.ask("a", 1)
		r.Hold(3 * time.Second)
		r.calls.Wait()
		if got := r.elapsed(); got != 3*time.Second {
			t.Errorf("held for %v", got)
		}
		r.Hold(time.Second)
		r.wantStats("a second one", fair.Stats{HeldFor: time.Second, Waited: 1, Held: 2})
	})
}

func TestHoldForEverEnds(t *testing.T) {
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		r.Hold(math.MaxInt64)
		wantBusy(t, "held", r.Wait(r.ctx, "a"), 24*time.Hour)
		time.Sleep(24 * time.Hour)
		if err := r.Wait(r.ctx, "a"); err != nil {
			t.Error(err)
		}
	})
}

// Calls that can no longer be sent in time hear of it when the Hold begins.
func TestHoldRefusesAtOnce(t *testing.T) {
	bubble(t, fair.Config{Burst: 1}, func(t *testing.T, r *rig) {
		r.drain()
		r.ask("a", 200) // the last one's turn is in 20 s
		r.Hold(50 * time.Second)
		synctest.Wait()
		outcomes := r.took()
		if len(outcomes) != 99 {
			t.Errorf("%d were refused, want 99", len(outcomes))
		}
		for _, o := range outcomes {
			wantBusy(t, "refused", o.err, time.Minute+interval)
		}
		r.Hold(2 * time.Minute)
		synctest.Wait()
		for _, o := range r.took() {
			wantBusy(t, "refused by the longer one", o.err, 2*time.Minute)
		}
		wantBusy(t, "come later", r.Wait(r.ctx, "b"), 2*time.Minute)
		r.wantStats("then", fair.Stats{HeldFor: 2 * time.Minute, Refused: 201, Held: 1})
	})
}

// A call that is refused because Anaplan has asked for patience is told that, and not that there is
// a crowd.
func TestRefusalsTellAHoldFromACrowd(t *testing.T) {
	bubble(t, fair.Config{Burst: 1}, func(t *testing.T, r *rig) {
		wantWords := func(when string, err error, want string) {
			t.Helper()
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %q", when, err, want)
			}
		}
		if got := r.HeldUntil(); !got.IsZero() {
			t.Errorf("held until %v before it is", got)
		}
		end := time.Now().Add(5 * time.Minute)
		r.Hold(5 * time.Minute)
		time.Sleep(time.Minute)
		if got := r.HeldUntil(); !got.Equal(end) {
			t.Errorf("held until %v, want %v", got, end)
		}
		err := r.Wait(r.ctx, "a")
		wantWords("held", err, "the service asks for patience, and nothing is sent to it for another 4m0s; try again in 4m0s")
		if busy, _ := errors.AsType[*fair.BusyError](err); busy == nil || busy.HeldFor != 4*time.Minute {
			t.Errorf("%+v, want HeldFor 4m", busy)
		}
		time.Sleep(4 * time.Minute)
		r.drain()
		r.ask("a", 600) // a minute's
		synctest.Wait()
		wantWords("a crowd", r.Wait(r.ctx, "a"), "the allowance of calls is used up, and others wait for more; try again in 1m0s")
	})
}

// A hundred calls are under way when Anaplan refuses them all.
func TestStorm(t *testing.T) {
	const callers, patience = 100, 5 * time.Second
	bubble(t, fair.Config{}, func(t *testing.T, r *rig) {
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				client := names("client-%d", 7)[i%7]
				if err := r.wait(r.ctx, client); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Duration(i+1) * time.Millisecond) // as answers come
				r.Hold(patience)
				if err := r.wait(r.ctx, client); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		outcomes := r.took()
		if got := outcomes[callers].end; got != callers*time.Millisecond+patience {
			t.Errorf("the first was sent again at %v", got)
		}
		for i, o := range outcomes[callers+1:] {
			if o.end-outcomes[callers+i].end != interval {
				t.Errorf("sent again at %v and %v", outcomes[callers+i].end, o.end)
			}
		}
		if got := r.Stats().Held; got != 1 {
			t.Errorf("held %d times", got)
		}
	})
}

func TestMaxWaitIsKnownBeforehand(t *testing.T) {
	bubble(t, fair.Config{Burst: 1, MaxWait: time.Second}, func(t *testing.T, r *rig) {
		r.drain()
		r.ask("a", 12)
		outcomes := r.took()
		if len(outcomes) != 2 {
			t.Fatalf("%d were refused, want 2", len(outcomes))
		}
		for _, o := range outcomes {
			if o.end != 0 {
				t.Errorf("refused after %v", o.end)
			}
			wantBusy(t, "refused", o.err, time.Second+interval)
		}
		time.Sleep(interval / 2)
		r.ask("b", 1) // has the second turn, and takes the last one's of a
		outcomes = r.took()
		if len(outcomes) != 1 || outcomes[0].client != "a" || outcomes[0].end != interval/2 {
			t.Fatalf("refused for another client: %+v", outcomes)
		}
		wantBusy(t, "refused for another client", outcomes[0].err, time.Second+interval/2)
		r.calls.Wait()
		r.wantSent("the others", "a", "b", "a", "a", "a", "a", "a", "a", "a", "a")
		r.wantStats("at last", fair.Stats{Left: 0, Waited: 10, Refused: 3})
	})
}

func TestMaxQueue(t *testing.T) {
	bubble(t, fair.Config{Burst: 1, MaxQueue: 3}, func(t *testing.T, r *rig) {
		r.drain()
		r.ask("a", 3)
		wantBusy(t, "the fourth", r.Wait(r.ctx, "a"), 4*interval)
		r.ask("b", 1)
		wantBusy(t, "the fourth, with another client", r.Wait(r.ctx, "a"), 5*interval)
		time.Sleep(interval)
		r.ask("a", 1) // there is room again
		r.calls.Wait()
		r.wantSent("in turn", "a", "b", "a", "a", "a")
		r.wantStats("at last", fair.Stats{Waited: 5, Refused: 2})
	})
}

func TestCancelledCallGivesItsTurnAway(t *testing.T) {
	errGone := errors.New("gone")
	bubble(t, fair.Config{Burst: 1, MaxWait: time.Hour}, func(t *testing.T, r *rig) {
		r.drain()
		ctx, cancel := context.WithCancelCause(r.ctx)
		for _, client := range []string{"a", "a", "b"} {
			r.calls.Go(func() { r.wait(ctx, client) })
			synctest.Wait()
		}
		r.ask("a", 2)
		r.ask("c", 1)
		time.Sleep(interval / 2)
		cancel(errGone)
		synctest.Wait()
		for _, o := range r.took() {
			if o.err != errGone || o.end != interval/2 {
				t.Errorf("%s: %v after %v", o.client, o.err, o.end)
			}
		}
		r.wantStats("cancelled", fair.Stats{Left: 0.5, Waiting: 3})
		if err := r.Wait(ctx, "a"); err != errGone {
			t.Errorf("a call that was cancelled before: %v", err)
		}
		r.calls.Wait()
		if got := r.elapsed(); got != 3*interval {
			t.Errorf("the last was sent after %v", got)
		}
		r.wantSent("the others", "a", "c", "a")
	})
}

// All that wait go away; the next call is served as if they had not been there.
func TestAllAreCancelled(t *testing.T) {
	bubble(t, fair.Config{Burst: 1}, func(t *testing.T, r *rig) {
		r.drain()
		ctx, cancel := context.WithTimeout(r.ctx, interval/2)
		defer cancel()
		for range 100 {
			r.calls.Go(func() { r.wait(ctx, "a") })
		}
		r.calls.Wait()
		for _, o := range r.took() {
			if o.err != context.DeadlineExceeded {
				t.Fatal(o.err)
			}
		}
		r.ask("b", 1)
		r.calls.Wait()
		if got := r.elapsed(); got != interval {
			t.Errorf("sent after %v", got)
		}
	})
}

// A call whose turn comes in the moment in which it is cancelled is sent or cancelled,
// and the next one's turn is not lost.
func TestCancelledAtTheTurn(t *testing.T) {
	bubble(t, fair.Config{Burst: 1}, func(t *testing.T, r *rig) {
		r.drain()
		for range 100 {
			asked := r.elapsed()
			ctx, cancel := context.WithTimeout(r.ctx, interval)
			r.calls.Go(func() { r.wait(ctx, "a") })
			synctest.Wait()
			r.ask("b", 1)
			r.calls.Wait()
			cancel()
			outcomes := r.took()
			if first := outcomes[0]; first.client == "a" && first.err != nil && first.err != context.DeadlineExceeded {
				t.Errorf("cancelled: %v", first.err)
			}
			if took := r.elapsed() - asked; took > 2*interval {
				t.Fatalf("the next one was sent after %v", took)
			}
		}
	})
}

func TestBadConfig(t *testing.T) {
	config := fair.Config{PerMinute: -1, Burst: -1, MaxWait: -1, MaxQueue: -1}
	bubble(t, config, func(t *testing.T, r *rig) {
		if err := r.Wait(r.ctx, "a"); err != nil {
			t.Error(err)
		}
		wantBusy(t, "the second", r.Wait(r.ctx, "a"), time.Minute)
	})
	bubble(t, fair.Config{PerMinute: math.MaxInt}, func(t *testing.T, r *rig) { r.ask("a", 100) })
}

func TestBusyErrorSaysWhen(t *testing.T) {
	err := &fair.BusyError{RetryAfter: 61500 * time.Millisecond}
	if got, want := err.Error(), "the allowance of calls is used up, and others wait for more; try again in 1m2s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Everybody does everything, for the race detector; nothing may get lost.
func TestUseByManyAtOnce(t *testing.T) {
	config := fair.Config{PerMinute: 6000, Burst: 20, MaxWait: 2 * time.Second, MaxQueue: 40}
	bubble(t, config, func(t *testing.T, r *rig) {
		for i := range 60 {
			r.calls.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 0))
				for range 50 {
					patience := time.Duration(1+random.IntN(3000)) * time.Millisecond
					ctx, cancel := context.WithTimeout(r.ctx, patience)
					r.wait(ctx, names("client-%d", 6)[min(i, 5)]) // the last one is greedy
					cancel()
					if random.IntN(100) == 0 {
						r.Hold(time.Duration(random.IntN(1000)) * time.Millisecond)
					}
					r.Stats()
				}
			})
		}
		r.calls.Wait()
		outcomes := r.took()
		wantWithin(t, outcomes, 20, 10*time.Millisecond)
		wantNobodyWaitsInVain(t, slices.DeleteFunc(outcomes, func(o outcome) bool {
			_, isBusy := errors.AsType[*fair.BusyError](o.err)
			return isBusy // some have found too many waiting
		}), config.MaxWait)
		if len(outcomes) != 60*50 {
			t.Errorf("%d calls came to an end", len(outcomes))
		}
	})
}

func unlimited() *fair.Limiter {
	return fair.New(fair.Config{PerMinute: math.MaxInt, Burst: 1 << 30})
}

func TestFastPathAllocatesNothing(t *testing.T) {
	l := unlimited()
	if got := testing.AllocsPerRun(100, func() { l.Wait(t.Context(), "a") }); got != 0 {
		t.Errorf("%v allocations a call", got)
	}
}

func BenchmarkWaitAtOnce(b *testing.B) {
	l := unlimited()
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Wait(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWaitAtOnceParallel(b *testing.B) {
	l := unlimited()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Wait(b.Context(), "a")
		}
	})
}

// BenchmarkRefuse is what a client can cost that hammers at a full queue.
func BenchmarkRefuse(b *testing.B) {
	for _, clients := range []int{1, 100} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) {
			l := fair.New(fair.Config{PerMinute: 1, Burst: 1, MaxWait: 600 * time.Minute})
			ctx, cancel := context.WithCancel(b.Context())
			var waiting sync.WaitGroup
			for i := range 601 {
				waiting.Go(func() { l.Wait(ctx, strconv.Itoa(i%clients)) })
			}
			for l.Stats().Waiting < 600 {
				runtime.Gosched()
			}
			b.ReportAllocs()
			for b.Loop() {
				if l.Wait(ctx, "0") == nil {
					b.Fatal("not refused")
				}
			}
			cancel()
			waiting.Wait()
		})
	}
}
