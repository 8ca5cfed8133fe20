package agent_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// sky is what looks see.
type sky struct {
	looks atomic.Int64
	dark  atomic.Bool
	takes atomic.Int64 // how long a look takes in the dark, in nanoseconds
	asks  atomic.Int64 // the patience that it asks for then
}

func (s *sky) look(ctx context.Context) error {
	s.looks.Add(1)
	if !s.dark.Load() {
		return nil
	}
	select {
	case <-time.After(time.Duration(s.takes.Load())):
	case <-ctx.Done():
	}
	return &agent.Problem{Code: agent.CodeUnreachable, Message: "nobody answers", Wait: time.Duration(s.asks.Load())}
}

// outage has Anaplan fail by a problem for a time, in which a caller asks again and again or, if the
// Keeper is eager, nobody does. It returns the signatures during it, and how long after it there is a
// token.
func outage(w *world, s *sky, problem *agent.Problem, lasts time.Duration, calls bool) (signatures int, well time.Duration) {
	w.set(func() { w.authenticate = always(problem) })
	s.dark.Store(true)
	for began := time.Now(); time.Since(began) < lasts; time.Sleep(time.Second) {
		if calls {
			w.wantProblem("meanwhile", problem.Code)
		}
	}
	signatures = w.took().Sign
	w.set(func() { w.authenticate = nil })
	s.dark.Store(false)
	began := time.Now()
	for w.keeper.Status().State != agent.StateHealthy {
		time.Sleep(10 * time.Millisecond)
		if calls {
			w.keeper.Token(context.Background(), nil)
		}
	}
	return signatures, time.Since(began)
}

// mostSigned returns how many attempts an eager Keeper makes in a time at most, by its steps alone: half of
// each is chance.
func mostSigned(lasts time.Duration) int {
	signed := 0
	for at, step := time.Duration(0), 5*time.Second; at <= lasts; step = min(2*step, 5*time.Minute) {
		signed++
		at += step / 2
	}
	return signed
}

// TestLookAfterAnOutage: however long Anaplan could not be reached, there is a token within two
// seconds, and nothing more was signed for that: where callers cause the attempts, exactly as often
// as by a Keeper that does not look.
func TestLookAfterAnOutage(t *testing.T) {
	refused := agent.Problemf(agent.CodeServerRefused, "a portal's page")
	for _, lasts := range []time.Duration{20 * time.Second, 3 * time.Minute, 40 * time.Minute} {
		for _, problem := range []*agent.Problem{unreachable, refused} {
			for _, takes := range []time.Duration{0, time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					signed := map[string]int{}
					for _, kind := range []string{"calls", "calls, looks", "looks"} {
						s := &sky{}
						s.takes.Store(int64(takes))
						called := kind != "looks"
						w := newWorld(t, func(c *agent.KeeperConfig) {
							c.Eager = !called
							if kind != "calls" {
								c.Look = s.look
							}
						})
						s.dark.Store(true)
						w.set(func() { w.authenticate = always(problem) })
						stop := w.run()
						signatures, well := outage(w, s, problem, lasts, called)
						signed[kind] = signatures
						if kind != "calls" && well > 2*time.Second {
							t.Errorf("%v of %s, %s: well after %v", lasts, problem.Code, kind, well)
						}
						w.wantCalls("after it", calls{Sign: 1, Authenticate: 1})
						stop()
					}
					if signed["calls, looks"] != signed["calls"] || signed["looks"] > mostSigned(lasts) {
						t.Errorf("%v of %s: signatures %v, of the eager one %d at most", lasts, problem.Code, signed, mostSigned(lasts))
					}
				})
			}
		}
	}
}

// TestLookAtWhatAnswers: a service that answers whoever looks and fails logins is not logged in to any
// sooner, and is left alone by looks.
func TestLookAtWhatAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sky{}
		w := newWorld(t, func(c *agent.KeeperConfig) { c.Eager, c.Look = true, s.look })
		w.set(func() { w.authenticate = always(unreachable) })
		w.run()
		time.Sleep(time.Hour)
		signed := w.took().Sign
		if looks := s.looks.Load(); signed > mostSigned(time.Hour) || looks != int64(signed) {
			t.Errorf("%d signatures, %d looks, want at most %d, and one look for each", signed, looks, mostSigned(time.Hour))
		}
	})
}

// TestLooksAreFew: about one a second, fewer after an hour, none for what they cannot show, none where
// patience was asked for, and none where nobody wants a token.
func TestLooksAreFew(t *testing.T) {
	for name, test := range map[string]struct {
		problem     *agent.Problem
		eager       bool
		after       time.Duration
		asks        time.Duration
		least, most int64 // in the ten minutes after that, with one at once after each attempt
	}{
		"at first":          {unreachable, true, 0, 0, 600, 1200},
		"after an hour":     {unreachable, true, 61 * time.Minute, 0, 55, 140},
		"it asks for 20 s":  {unreachable, true, 0, 20 * time.Second, 28, 60},
		"it asks for a day": {unreachable, true, time.Hour, 24 * time.Hour, 1, 6},
		"no device":         {noDevice, true, 0, 0, 0, 0},
		"a wrong PIN":       {pinRefused, true, 0, 0, 0, 0},
		"patience":          {patience, true, 0, 0, 0, 0},
		"503 with Retry-After": {
			&agent.Problem{Code: agent.CodeUnreachable, Message: "503", Wait: time.Hour}, true, 0, 0, 0, 0,
		},
		"one caller": {unreachable, false, 0, 0, 1, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &sky{}
			s.dark.Store(true)
			s.asks.Store(int64(test.asks))
			w := newWorld(t, func(c *agent.KeeperConfig) { c.Eager, c.Look = test.eager, s.look })
			w.set(func() { w.authenticate = always(test.problem) })
			w.run()
			if !test.eager {
				w.wantProblem(name, test.problem.Code)
			}
			time.Sleep(test.after)
			before := s.looks.Load()
			time.Sleep(10*time.Minute - time.Second)
			if got := s.looks.Load() - before; got < test.least || got > test.most {
				t.Errorf("%s: %d looks, want %d to %d", name, got, test.least, test.most)
			}
		})
	}
}

// TestLooksThatMislead: where what can be reached comes and goes and no login succeeds, a bounded number
// is made before its time, and a success gives it back.
func TestLooksThatMislead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sky{}
		w := newWorld(t, func(c *agent.KeeperConfig) {
			c.Eager = true
			c.Look = func(ctx context.Context) error {
				s.dark.Store(!s.dark.Load())
				return s.look(ctx)
			}
		})
		w.set(func() { w.authenticate = always(unreachable) })
		w.run()
		for range 2 {
			time.Sleep(time.Minute)
			if signed := w.took().Sign; signed < 6 {
				t.Errorf("%d signatures at first, want those that looks lead to", signed)
			}
			time.Sleep(4 * time.Hour)
			if signed := w.took().Sign; signed > mostSigned(4*time.Hour) {
				t.Errorf("%d signatures in four hours, want %d at most", signed, mostSigned(4*time.Hour))
			}
			w.set(func() { w.authenticate = nil })
			if _, err := w.keeper.Login(context.Background(), nil); err != nil {
				t.Error(err)
			}
			w.took()
			w.set(func() { w.authenticate, w.refresh = always(unreachable), always(unreachable) })
			time.Sleep(tokenLife)
		}
	})
}

// TestLookForARefresh: a refresh that fails is made again as soon as it can succeed.
func TestLookForARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sky{}
		w := newWorld(t, func(c *agent.KeeperConfig) { c.Eager, c.Look = true, s.look })
		w.run()
		w.token()
		s.dark.Store(true)
		w.set(func() { w.refresh = always(unreachable) })
		time.Sleep(tokenLife*8/10 + 2*time.Minute)
		w.wantState("meanwhile", agent.StateDegraded)
		w.took()
		w.set(func() { w.refresh = nil })
		s.dark.Store(false)
		time.Sleep(2 * time.Second)
		w.wantState("after it", agent.StateHealthy)
		w.wantCalls("after it", calls{Refresh: 1})
	})
}

// TestLookEndsWithTheKeeper: a look that is under way does not outlive Run.
func TestLookEndsWithTheKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sky{}
		s.dark.Store(true)
		s.takes.Store(int64(time.Hour))
		w := newWorld(t, func(c *agent.KeeperConfig) { c.Eager, c.Look = true, s.look })
		w.set(func() { w.authenticate = always(unreachable) })
		stop := w.run()
		for s.looks.Load() == 0 {
			time.Sleep(time.Second)
		}
		began := time.Now()
		stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
	})
}
