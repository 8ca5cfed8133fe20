package agent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

func TestRefreshFailsWithALiveToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		var logins []time.Time
		w.set(func() {
			w.refresh = always(unreachable)
			w.authenticate = func(context.Context) error {
				w.set(func() { logins = append(logins, time.Now()) })
				return unreachable
			}
		})
		w.took()
		ends := first.Token.ExpiresAt
		time.Sleep(time.Until(ends) - time.Second)
		if lease := w.token(); lease.Generation != first.Generation {
			t.Errorf("generation %d, want the last good one", lease.Generation)
		}
		w.wantState("until the end", agent.StateDegraded)
		refreshes := w.renewals()
		w.set(func() { wantRetries(t, refreshes, logins, ends) })
		time.Sleep(2 * time.Second)
		w.wantState("after the end", agent.StateDown)
		w.wantProblem("after the end", agent.CodeUnreachable)

		w.set(func() { w.refresh, w.authenticate = nil, nil })
		time.Sleep(5 * time.Minute)
		w.wantState("recovered alone", agent.StateHealthy)
	})
}

// wantRetries checks when refreshes were tried that failed: after 5 s, and each time after twice
// as long, up to two minutes; half of each is chance. At one moment, which is 90 to 112.5 s before
// the end of the token, it is tried whatever the step, and from then on a login with it.
func wantRetries(t *testing.T, refreshes, logins []time.Time, ends time.Time) {
	t.Helper()
	if len(logins) == 0 {
		t.Fatal("no login was tried before the end of the token")
	}
	due := logins[0]
	if left := ends.Sub(due); left < 90*time.Second || left > 112500*time.Millisecond {
		t.Errorf("a login was tried %v before the end of the token", left)
	}
	step, late := 5*time.Second, 0
	for i, at := range refreshes {
		if !at.Before(due) {
			late++
		}
		if i == 0 {
			continue
		}
		gap := at.Sub(refreshes[i-1])
		if gap > step || gap < step/2 && !at.Equal(due) {
			t.Errorf("refresh %d was tried %v after the one before, want %v to %v", i+1, gap, step/2, step)
		}
		step = min(2*step, 2*time.Minute)
	}
	if late != len(logins) {
		t.Errorf("%d logins for %d refreshes from then on", len(logins), late)
	}
	if len(refreshes) < 8 {
		t.Errorf("%d refreshes were tried", len(refreshes))
	}
}

// No failure, and no number of callers, makes a storm.
func TestStormsAreBounded(t *testing.T) {
	tests := []struct {
		name     string
		change   func(*agent.KeeperConfig)
		callers  bool
		fail     func(w *world)
		min, max int // signatures and calls in an hour
	}{
		{"Anaplan fails, callers", nil, true, func(w *world) { w.authenticate = always(unreachable) }, 50, 70},
		{"Anaplan fails, eager", eager, false, func(w *world) { w.authenticate = always(unreachable) }, 12, 32},
		{"Anaplan fails, eager and callers", eager, true, func(w *world) { w.authenticate = always(unreachable) }, 50, 80},
		{"Anaplan fails, nobody", nil, false, func(w *world) { w.authenticate = always(unreachable) }, 0, 0},
		{"signer crashes, callers", nil, true, func(w *world) {
			w.sign = signing(agent.Problemf(agent.CodeSignerFailed, "crashed"))
		}, 500, 560},
		{"card gone, callers", nil, true, func(w *world) { w.sign = signing(noDevice) }, 3000, 3601},
		{"card gone, eager", eager, false, func(w *world) { w.sign = signing(noDevice) }, 100, 132},
		{"no PIN, eager", eager, false, func(w *world) { w.sign = signing(pinNeeded) }, 1, 1},
		{"wrong PIN, eager and callers", eager, true, func(w *world) { w.sign = signing(pinRefused) }, 1, 1},
		{"tokens of no life, eager", eager, false, func(w *world) { w.life = time.Millisecond }, 700, 721},
		{"patience, eager and callers", eager, true, func(w *world) { w.authenticate = always(patience) }, 8, 9},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.change)
				test.fail(w)
				w.run()
				for range 36_000 {
					if test.callers {
						w.keeper.Token(t.Context(), nil)
					}
					time.Sleep(100 * time.Millisecond)
				}
				if got := w.took(); got.Sign < test.min || got.Sign > test.max || got.Authenticate > got.Sign || got.Refresh > 0 {
					t.Errorf("calls in an hour: %+v, want %d to %d signatures", got, test.min, test.max)
				}
			})
		})
	}
}

func TestWaitIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.authenticate = always(patience)
		if got := w.wantProblem("first", agent.CodeRateLimited); got != patience {
			t.Errorf("problem %+v, want it as it came", got)
		}
		w.took()
		w.set(func() { w.authenticate = nil })
		time.Sleep(5 * time.Minute)
		w.keeper.Unlock() // that alone does not shorten it
		if got := w.wantProblem("later", agent.CodeRateLimited); got.Wait != 2*time.Minute {
			t.Errorf("wait %v, want the 2m0s that remain", got.Wait)
		}
		_, err := w.keeper.TryLogin(t.Context(), nil)
		wantCode(t, "TryLogin", err, agent.CodeRateLimited)
		w.wantCalls("before its end", calls{})
		if patience.Wait != 7*time.Minute {
			t.Error("the problem itself was changed")
		}
		time.Sleep(2 * time.Minute)
		w.token()
		w.wantCalls("after its end", calls{Sign: 1, Authenticate: 1})
	})
}

// A device's problem that names a time is not one failure more: it is tried again then,
// however often it has failed.
func TestWaitOfDeviceIsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, eager)
		later := &agent.Problem{Code: agent.CodeDeviceFailed, Message: "a PIN is sent again", Wait: 3 * time.Second}
		var tries []time.Time
		w.sign = func(context.Context, bool, agent.NotifyFunc) error {
			tries = append(tries, time.Now())
			return later
		}
		w.run()
		time.Sleep(time.Minute)
		w.set(func() { w.sign = nil })
		if len(tries) < 10 {
			t.Errorf("%d tries in a minute", len(tries))
		}
		for i := 1; i < len(tries); i++ {
			if gap := tries[i].Sub(tries[i-1]); gap < later.Wait || gap > later.Wait+time.Second {
				t.Errorf("tried again after %v, want soon after %v", gap, later.Wait)
			}
		}
	})
}

func TestRefreshHonoursWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		limited := &agent.Problem{Code: agent.CodeRateLimited, Message: "429", Wait: 5 * time.Minute} // less than what is left
		w.set(func() { w.refresh = always(limited) })
		w.untilRenewals(2)
		at := w.renewals()
		if gap := at[1].Sub(at[0]); gap <= limited.Wait || gap > limited.Wait+time.Minute {
			t.Errorf("tried again after %v, want soon after %v", gap, limited.Wait)
		}
	})
}

func TestRefusedPINIsSpentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
			return after(time.Second, pinRefused)(ctx)
		}
		call := func() (agent.Lease, error) { return w.keeper.Token(t.Context(), nil) }
		for _, got := range crowd(100, call) {
			if got.err != error(pinRefused) {
				t.Fatalf("got %v, want the same problem for all", got.err)
			}
		}
		for range 24 {
			time.Sleep(time.Hour)
			w.wantProblem("later", agent.CodePINRefused)
		}
		w.wantCalls("in a day", calls{Sign: 1})
		w.set(func() { w.sign = nil })
		w.keeper.Unlock()
		w.token()
		w.wantCalls("after Unlock", calls{Sign: 1, Authenticate: 1})
	})
}

func TestEagerTriesAgainAfterUnlock(t *testing.T) {
	for _, problem := range []*agent.Problem{pinNeeded, pinRefused} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, eager)
			w.sign = signing(problem)
			w.run()
			time.Sleep(24 * time.Hour)
			w.wantCalls("in a day", calls{Sign: 1})
			w.wantState("in a day", agent.StateDown)
			w.set(func() { w.sign = nil })
			w.keeper.Unlock()
			time.Sleep(10 * time.Second)
			w.wantCalls("after Unlock", calls{Sign: 1, Authenticate: 1})
			w.wantState("after Unlock", agent.StateHealthy)
		})
	}
}

// What was put right is tried again at once, also after a final problem, whether callers wait or
// not; a lock stays.
func TestReconsider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, eager)
		w.sign = signing(pinRefused)
		w.run()
		time.Sleep(24 * time.Hour)
		w.wantCalls("in a day", calls{Sign: 1})
		w.set(func() { w.sign = nil })
		w.keeper.Lock()
		w.keeper.Reconsider()
		time.Sleep(time.Hour)
		w.wantCalls("while locked", calls{})
		w.keeper.Unlock()
		w.keeper.Reconsider()
		synctest.Wait()
		w.wantCalls("after Reconsider", calls{Sign: 1, Authenticate: 1})
		w.wantState("after Reconsider", agent.StateHealthy)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.sign = signing(pinRefused)
		w.run()
		w.wantProblem("for a caller", pinRefused.Code)
		w.set(func() { w.sign = nil })
		w.wantProblem("for a caller", pinRefused.Code)
		w.keeper.Reconsider()
		w.wantState("before a caller", agent.StateIdle)
		w.token()
		w.wantCalls("for a caller", calls{Sign: 2, Authenticate: 1})
	})
}

// A device that is well again is soon found to be, with nobody there.
func TestDeviceIllForLong(t *testing.T) {
	for _, code := range []agent.Code{agent.CodeDeviceAbsent, agent.CodeDeviceFailed, agent.CodeSignerFailed} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, eager)
			w.sign = signing(agent.Problemf(code, "it is ill"))
			w.run()
			time.Sleep(5 * time.Minute)
			w.set(func() { w.sign = nil })
			time.Sleep(10 * time.Second)
			w.wantState("after ten seconds", agent.StateHealthy)
		})
	}
}

func TestDeviceGoneAndBack(t *testing.T) {
	tests := []struct {
		name   string
		back   func(context.Context, bool, agent.NotifyFunc) error
		alone  agent.State // once the device is back, without a caller
		unused calls       // and the calls in an hour until then
	}{
		{"nobody is needed", nil, agent.StateHealthy, calls{}},
		{"a touch is needed", withPerson(touchNeeded), agent.StateDown, calls{Sign: 1}},
		{"a PIN is needed", withPerson(pinNeeded), agent.StateDown, calls{Sign: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				w.token()
				w.set(func() { w.sign, w.refresh = signing(noDevice), always(errRevoked) })
				time.Sleep(2 * time.Hour)
				w.wantState("gone", agent.StateDown)
				w.wantProblem("gone", agent.CodeDeviceAbsent)
				w.took()
				w.set(func() { w.sign, w.refresh = test.back, nil })
				time.Sleep(time.Hour)
				w.wantState("back", test.alone)
				if got := w.took(); got.Sign != 1 {
					t.Errorf("calls in an hour: %+v, want one signature", got)
				}
				w.token()
				w.wantState("with a caller", agent.StateHealthy)
			})
		})
	}
}

// A caller who comes while a login is tried that must not ask a person gets the
// one that may.
func TestCallerJoinsUnattendedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, eager)
		w.sign = func(ctx context.Context, attended bool, _ agent.NotifyFunc) error {
			return after(time.Second, withPerson(touchNeeded)(ctx, attended, nil))(ctx)
		}
		w.run()
		for _, got := range crowd(100, func() (agent.Lease, error) { return w.keeper.Token(t.Context(), nil) }) {
			if got.err != nil {
				t.Fatal(got.err)
			}
		}
		w.wantCalls("in all", calls{Sign: 2, Authenticate: 1})
	})
}

// A person who is not there is not asked again and again.
func TestPersonIsNotPestered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = func(ctx context.Context, attended bool, _ agent.NotifyFunc) error {
			return after(15*time.Second, touchNeeded)(ctx)
		}
		for _, got := range crowd(100, func() (agent.Lease, error) { return w.keeper.Token(t.Context(), nil) }) {
			wantCode(t, "all", got.err, agent.CodeTouchNeeded)
		}
		w.wantProblem("at once again", agent.CodeTouchNeeded)
		w.wantCalls("at once again", calls{Sign: 1})
		time.Sleep(time.Second)
		w.wantProblem("a second later", agent.CodeTouchNeeded)
		time.Sleep(24 * time.Hour)
		w.wantCalls("a second later and then a day", calls{Sign: 1})
	})
}

func TestFinalRefreshProblemWaitsForAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		w.took()
		w.set(func() { w.refresh = always(&agent.Problem{Code: agent.CodeSettings, Message: "wrong CA", Final: true}) })
		time.Sleep(30 * time.Minute)
		w.token()
		w.wantState("while the token lives", agent.StateDegraded)
		time.Sleep(24 * time.Hour)
		w.wantState("a day after its end, with nobody asking", agent.StateDown)
		w.wantProblem("after its end", agent.CodeSettings)
		w.wantCalls("in a day", calls{Refresh: 1})
		w.keeper.Unlock()
		w.token()
	})
}

func TestDownKeeperGoesIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		w.set(func() { w.sign, w.refresh = signing(noDevice), always(errRevoked) })
		time.Sleep(11 * time.Hour)
		w.wantState("before", agent.StateDown)
		time.Sleep(2 * time.Hour)
		w.wantState("after", agent.StateIdle)
		w.took()
		time.Sleep(24 * time.Hour)
		w.wantCalls("after", calls{})
		w.wantProblem("used again", agent.CodeDeviceAbsent)
	})
}

// A caller that reports a refused token while Anaplan wants patience gets no other, but there is
// one as soon as that is over.
func TestReplaceDuringWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		lease := w.token()
		w.set(func() { w.authenticate = always(patience) })
		_, err := w.keeper.Login(t.Context(), nil)
		wantCode(t, "Login", err, agent.CodeRateLimited)
		_, err = w.keeper.Replace(t.Context(), lease.Generation, nil)
		wantCode(t, "Replace", err, agent.CodeRateLimited)
		w.wantState("then", agent.StateDown)
		w.wantCalls("until then", calls{Sign: 2, Authenticate: 2})
		w.set(func() { w.authenticate = nil })
		time.Sleep(patience.Wait + time.Second)
		w.wantCalls("after the wait", calls{Sign: 1, Authenticate: 1})
		w.wantState("after the wait", agent.StateHealthy)
	})
}

// Agents that lost Anaplan together do not come back together.
func TestBackoffIsLeftToChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		at := map[time.Time]bool{}
		for range 20 {
			w := newWorld(t, eager)
			w.authenticate = always(unreachable)
			w.run()
			next := w.keeper.Status().RenewAt
			if wait := next.Sub(began); wait < 2500*time.Millisecond || wait > 5*time.Second {
				t.Errorf("tries again after %v", wait)
			}
			at[next] = true
		}
		if len(at) < 15 {
			t.Errorf("20 agents come at %d times", len(at))
		}
	})
}

// TestReplaceInALoop: a caller that finds every token refused does not have as many signatures
// made.
func TestReplaceInALoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		lease, err := w.keeper.Token(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 3600 * 10 {
			next, err := w.keeper.Replace(t.Context(), lease.Generation, nil)
			switch problem := agent.ProblemOf(err); {
			case err == nil:
				lease = next
			case problem.Code != agent.CodeServerRefused || problem.Wait <= 0:
				t.Fatalf("%+v", problem)
			}
			time.Sleep(100 * time.Millisecond)
		}
		// 1 + 2 + 4 + ... + 32 s, then one a minute.
		if got := w.took().Sign; got < 60 || got > 70 {
			t.Errorf("%d signatures in an hour", got)
		}
		time.Sleep(time.Hour)
		again, err := w.keeper.Token(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if next, err := w.keeper.Replace(t.Context(), again.Generation, nil); err != nil || next.Generation != again.Generation+1 {
			t.Errorf("an hour later: generation %d, %v", next.Generation, err)
		}
	})
}
