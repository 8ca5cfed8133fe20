package agent_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// refused is what something between here and Anaplan answers.
var refused = &agent.Problem{Code: agent.CodeServerRefused, Message: "a web page"}

// dayLong is patience that nobody has.
var dayLong = &agent.Problem{Code: agent.CodeRateLimited, Message: "429", Wait: 24 * time.Hour}

// sought asks for a token again and again, for that long, and returns how often there was none
// at once.
func (w *world) sought(during time.Duration) (missed int) {
	w.t.Helper()
	step := min(during/1000, time.Second)
	for began := time.Now(); time.Since(began) < during; time.Sleep(step) {
		asked := time.Now()
		if lease, err := w.keeper.Token(context.Background(), nil); err != nil || !lease.Token.Live(w.wall()) || time.Since(asked) > 0 {
			missed++
		}
	}
	return missed
}

// Where tokens cannot be refreshed a login is made before the end, so that nobody ever is
// without, and one for each token.
func TestNoGapWithoutRefresh(t *testing.T) {
	limited := &agent.Problem{Code: agent.CodeRateLimited, Message: "429", Wait: 2 * time.Hour}
	final := &agent.Problem{Code: agent.CodeServerRefused, Message: "400", Final: true}
	broken := func(context.Context) error { panic("hunter2") }
	for name, refresh := range map[string]func(context.Context) error{
		"a refusal":            always(refused),
		"a final refusal":      always(final),
		"503":                  always(unreachable),
		"503 that takes long":  after(20*time.Second, unreachable),
		"silence":              after(time.Hour, nil),
		"patience for hours":   always(limited),
		"patience for a day":   always(dayLong),
		"a mistake of our own": broken,
	} {
		for _, life := range []time.Duration{10 * time.Second, time.Minute, tokenLife} {
			t.Run(name+", "+life.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := startWorld(t, nil)
					w.set(func() { w.life, w.refresh, w.authenticate = life, refresh, after(200*time.Millisecond, nil) })
					w.token()
					w.took()
					if missed := w.sought(10 * life); missed > 0 {
						t.Errorf("there was no token %d times", missed)
					}
					if got := w.took(); got.Sign < 9 || got.Sign > 14 {
						t.Errorf("calls in ten lives: %+v", got)
					}
				})
			})
		}
	}
}

// One bad answer to a refresh costs a login, and no more.
func TestRefusedRefreshLeadsToOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.took()
		w.set(func() {
			w.refresh = func(context.Context) error {
				go w.set(func() { w.refresh = nil })
				return refused
			}
		})
		w.untilRenewals(1)
		w.wantCalls("at the refusal", calls{Refresh: 1, Sign: 1, Authenticate: 1})
		if lease := w.token(); lease.Generation != first.Generation+1 {
			t.Errorf("generation %d after %d", lease.Generation, first.Generation)
		}
		w.wantState("then", agent.StateHealthy)
		time.Sleep(10 * time.Hour)
		if got := w.took(); got.Sign != 0 {
			t.Errorf("calls later: %+v, want refreshes only", got)
		}
	})
}

// Something refuses everything: the token that lives is kept, and few logins are spent.
func TestRefusedRefreshKeepsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.took()
		w.set(func() { w.refresh, w.authenticate = always(refused), always(refused) })
		if missed := w.sought(time.Until(first.Token.ExpiresAt) - time.Second); missed > 0 {
			t.Errorf("there was no token %d times", missed)
		}
		w.wantState("until the end", agent.StateDegraded)
		if got := w.took(); got.Refresh < 5 || got.Sign < 2 || got.Sign > 5 {
			t.Errorf("calls while the token lived: %+v", got)
		}
		time.Sleep(2 * time.Second)
		w.wantProblem("after the end", agent.CodeServerRefused)
		w.set(func() { w.refresh, w.authenticate = nil, nil })
		time.Sleep(6 * time.Minute)
		w.wantState("once it is over", agent.StateHealthy)
	})
}

// A login that needs a person, or must not be made, leaves the token to be refreshed.
func TestFailedLoginLeavesTheRefresh(t *testing.T) {
	for name, sign := range map[string]func(context.Context, bool, agent.NotifyFunc) error{
		"wrong PIN": signing(pinRefused), "a touch": withPerson(touchNeeded), "no device": signing(noDevice),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				first := w.token()
				w.took()
				w.set(func() { w.refresh, w.sign = always(refused), sign })
				w.untilRenewals(2)
				if got := w.took(); got.Sign != 1 {
					t.Errorf("calls: %+v, want one signature", got)
				}
				w.set(func() { w.refresh = nil })
				time.Sleep(10 * time.Hour)
				if lease := w.token(); lease.Generation != first.Generation {
					t.Errorf("generation %d, want the refreshed one", lease.Generation)
				}
				if got := w.took(); got.Sign != 0 || got.Refresh < 10 {
					t.Errorf("calls: %+v, want refreshes only", got)
				}
			})
		})
	}
}

// A person who asks for a login beside a refresh that becomes one is told of the login.
func TestLoginBesideARefusedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		w.set(func() { w.refresh, w.sign = after(10*time.Second, refused), signing(pinRefused) })
		w.untilRenewals(1)
		w.took()
		_, err := w.keeper.Login(t.Context(), nil)
		wantCode(t, "Login", err, agent.CodePINRefused)
		w.wantCalls("in all", calls{Sign: 1})
	})
}

// A token of the Keeper before is not replaced twice in one go.
func TestAdoptRefusedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, after := succession(t, withToken)
		after.set(func() { after.sign, after.refresh = signing(noDevice), always(refused) })
		after.untilRenewals(1)
		after.wantCalls("at the renewal", calls{Sign: 1, Refresh: 1})
	})
}

// The answer to a login can ask for no more than a few minutes of patience.
func TestPatienceIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, eager)
		w.authenticate = always(dayLong)
		w.run()
		w.wantCalls("at first", calls{Sign: 1, Authenticate: 1})
		problem := w.wantProblem("then", agent.CodeRateLimited)
		if problem.Wait != 10*time.Minute {
			t.Errorf("wait %v", problem.Wait)
		}
		w.set(func() { w.authenticate = nil })
		_, err := w.keeper.TryLogin(t.Context(), nil)
		wantCode(t, "TryLogin", err, agent.CodeRateLimited)
		w.wantCalls("before its end", calls{})
		time.Sleep(problem.Wait + 10*time.Second)
		w.wantCalls("alone", calls{Sign: 1, Authenticate: 1})
		w.wantState("alone", agent.StateHealthy)
		if dayLong.Wait != 24*time.Hour {
			t.Error("the problem itself was changed")
		}
	})
}

// A person who says so is not made to wait.
func TestLoginPassesPatience(t *testing.T) {
	for name, login := range map[string]func(*agent.Keeper) (agent.Lease, error){
		"Login": func(k *agent.Keeper) (agent.Lease, error) { return k.Login(context.Background(), nil) },
		"Open":  func(k *agent.Keeper) (agent.Lease, error) { return k.Open(context.Background(), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				w.authenticate = always(dayLong)
				w.wantProblem("at first", agent.CodeRateLimited)
				_, err := login(w.keeper)
				wantCode(t, "still so", err, agent.CodeRateLimited)
				w.set(func() { w.authenticate = nil })
				if _, err := login(w.keeper); err != nil {
					t.Error(err)
				}
				w.wantCalls("in all", calls{Sign: 3, Authenticate: 3})
				w.token()
				w.wantState("then", agent.StateHealthy)
				if wait := w.keeper.Status().WaitUntil; !wait.IsZero() {
					t.Errorf("it waits until %v", wait)
				}
			})
		})
	}
}

// What a device has asked for is not passed: it guards a PIN.
func TestLoginDoesNotPassADevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = signing(&agent.Problem{Code: agent.CodeDeviceFailed, Message: "a PIN is sent again", Wait: time.Hour})
		w.wantProblem("at first", agent.CodeDeviceFailed)
		_, err := w.keeper.Login(t.Context(), nil)
		if got := wantCode(t, "Login", err, agent.CodeDeviceFailed); got.Wait != time.Hour {
			t.Errorf("wait %v", got.Wait)
		}
		w.wantCalls("in all", calls{Sign: 1})
	})
}

func TestStatusTellsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.authenticate = always(patience)
		w.wantProblem("at first", agent.CodeRateLimited)
		time.Sleep(time.Minute)
		status := w.keeper.Status()
		if left := time.Until(status.WaitUntil); left != 6*time.Minute || status.Problem == nil || status.State != agent.StateDown {
			t.Errorf("it waits %v; %+v", left, status)
		}
		time.Sleep(6 * time.Minute)
		if status := w.keeper.Status(); !status.WaitUntil.IsZero() {
			t.Errorf("it waits until %v", status.WaitUntil)
		}
	})
}

// A key that is refused is tried slowly, whatever asks: each try is a signature.
func TestRefusalsAreTriedSlowly(t *testing.T) {
	for name, problem := range map[string]*agent.Problem{
		"a web page": refused, "a login that may be lost": {Code: agent.CodeLoginRefused}, "no key": {Code: agent.CodeKeyUnusable},
	} {
		for _, eager := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, func(c *agent.KeeperConfig) { c.Eager = eager })
					w.sign = signing(problem)
					w.run()
					w.sought(time.Hour)
					if got := w.took().Sign; got < 15 || got > 36 {
						t.Errorf("%d signatures in an hour", got)
					}
					w.sought(time.Hour)
					if got := w.took().Sign; got < 10 || got > 25 {
						t.Errorf("%d signatures in the next", got)
					}
					w.set(func() { w.sign = nil })
					w.sought(5 * time.Minute)
					w.wantState("once it is over", agent.StateHealthy)
				})
			})
		}
	}
}
