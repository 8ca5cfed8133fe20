package agent_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// succession returns a world that runs, and one that has adopted its Keeper and runs, once
// meanwhile has been called with both.
func succession(t *testing.T, meanwhile func(before, after *world)) (before, after *world) {
	before, after = newWorld(t, nil), newWorld(t, nil)
	stop := before.run()
	meanwhile(before, after)
	values := 0
	before.set(func() { values = before.values })
	after.set(func() { after.values = values }) // so that a refresh brings the same value
	hand(before, after)
	stop()
	after.run()
	before.took()
	return before, after
}

// hand has the second Keeper adopt the first, with as much time as an agent gives it.
func hand(before, after *world) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	after.keeper.Adopt(ctx, before.keeper)
}

func withToken(before, _ *world) { before.token() }

func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first agent.Lease
		before, after := succession(t, func(before, after *world) {
			first = before.token()
			after.wantState("before", agent.StateIdle)
		})
		for _, w := range []*world{before, after} {
			if got := w.token(); got != first {
				t.Errorf("generation %d, until %v; want %d, %v", got.Generation, got.Token.ExpiresAt, first.Generation, first.Token.ExpiresAt)
			}
			w.wantCalls("at once", calls{})
			w.wantState("then", agent.StateHealthy)
		}
		time.Sleep(tokenLife)
		after.wantCalls("at the next renewal", calls{Sign: 1, Authenticate: 1})
		if got := after.token(); got.Generation != first.Generation+1 {
			t.Errorf("generation %d after %d", got.Generation, first.Generation)
		}
		time.Sleep(10 * time.Hour)
		if got := after.took(); got.Sign > 0 || got.Refresh < 10 {
			t.Errorf("calls later: %+v, want refreshes only", got)
		}
		before.wantCalls("for ever", calls{})
	})
}

// Callers that wait for the one before get what the one after has.
func TestAdoptWhileSigning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var callers sync.WaitGroup
		before, after := succession(t, func(before, after *world) {
			before.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
				<-ctx.Done()
				return ctx.Err()
			}
			for _, call := range []func(context.Context, agent.NotifyFunc) (agent.Lease, error){before.keeper.Token, before.keeper.Login, before.keeper.Open} {
				callers.Go(func() {
					if lease, err := call(t.Context(), nil); err != nil || lease.Generation == 0 {
						t.Errorf("generation %d, %v", lease.Generation, err)
					}
				})
				synctest.Wait()
			}
		})
		callers.Wait()
		if got := after.took(); got.Sign < 1 || got.Sign > 3 { // Login and Open each want their own
			t.Errorf("calls %+v", got)
		}
		before.wantCalls("afterwards", calls{})
	})
}

// The one before does nothing more from then on, whether it is ended or not.
func TestAdoptEndsTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := startWorld(t, eager), newWorld(t, nil)
		before.set(func() {
			before.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
				<-ctx.Done()
				return ctx.Err()
			}
		})
		waits := make(chan error, 1)
		go func() {
			_, err := before.keeper.Login(t.Context(), nil)
			waits <- err
		}()
		synctest.Wait()
		before.took()
		hand(before, after)
		after.run()
		told := len(before.told())
		if err := <-waits; err != nil {
			t.Errorf("the caller that waited got %v", err)
		}
		before.token()
		time.Sleep(24 * time.Hour)
		before.wantCalls("afterwards", calls{})
		if after := before.told()[told:]; len(after) > 0 {
			t.Errorf("told afterwards: %+v", after)
		}
	})
}

// What Anaplan has been asked for is not lost, as long as it takes no longer than is waited.
func TestAdoptWhileRefreshing(t *testing.T) {
	for takes, want := range map[time.Duration]calls{
		time.Second: {},
		time.Minute: {Sign: 1, Authenticate: 1}, // it is due
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, next := succession(t, func(before, _ *world) {
				before.token()
				before.rotate, before.refresh = true, after(takes, nil)
				before.untilRenewals(1)
				began = time.Now()
			})
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("a refresh of %v: it took %v", takes, took)
			}
			if got := next.token(); got.Generation != 2 {
				t.Errorf("a refresh of %v: generation %d", takes, got.Generation)
			}
			next.wantCalls("then", want)
		})
	}
}

// A logout that is interrupted is tried again by the one after, which has the token.
func TestAdoptWhileLoggingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var callers sync.WaitGroup
		_, next := succession(t, func(before, _ *world) {
			before.token()
			before.logout = after(time.Minute, nil)
			callers.Go(func() {
				if err := before.keeper.Logout(t.Context()); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		})
		callers.Wait()
		next.wantCalls("by the one after", calls{Logout: 1})
		next.wantState("then", agent.StateIdle)
	})
}

func TestAdoptLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := succession(t, func(before, _ *world) {
			before.token()
			before.keeper.Lock()
		})
		after.wantState("locked before", agent.StateLocked)
		after.wantProblem("locked before", agent.CodeLocked)
		before.keeper.Unlock() // by a caller that does not know yet that there is another
		after.token()
		before.keeper.Lock()
		after.wantState("locked by the one before", agent.StateLocked)
		before.wantProblem("locked by the one before", agent.CodeLocked)
		time.Sleep(tokenLife)
		if got := after.took(); got.Sign > 0 || got.Refresh != 1 {
			t.Errorf("calls while locked: %+v", got)
		}
		after.keeper.Unlock()
		if err := before.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		after.wantCalls("logged out", calls{Logout: 1})
	})
}

// A token that is found refused is replaced, whichever of the two is told so.
func TestAdoptRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := succession(t, withToken)
		first := after.token()
		got, err := before.keeper.Replace(t.Context(), first.Generation, nil)
		if err != nil || got.Generation <= first.Generation {
			t.Errorf("generation %d after %d, %v", got.Generation, first.Generation, err)
		}
		after.wantCalls("replaced", calls{Sign: 1, Authenticate: 1})
	})
}

// A caller that finds one token after the other refused is not believed by the next Keeper either.
func TestAdoptComplaint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, after := succession(t, func(before, _ *world) {
			if _, err := before.keeper.Replace(t.Context(), before.token().Generation, nil); err != nil {
				t.Error(err)
			}
		})
		_, err := after.keeper.Replace(t.Context(), 2, nil)
		wantCode(t, "at once again", err, agent.CodeServerRefused)
		after.wantCalls("at once again", calls{})
	})
}

// A login that cannot be had leaves the token to be refreshed.
func TestAdoptWithoutLogin(t *testing.T) {
	for name, test := range map[string]struct {
		sign  func(context.Context, bool, agent.NotifyFunc) error
		state agent.State
		signs int // in three renewals
	}{
		"needs a person": {withPerson(touchNeeded), agent.StateHealthy, 1},
		"no device":      {signing(noDevice), agent.StateHealthy, 3},
		"wrong PIN":      {signing(pinRefused), agent.StateDegraded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, after := succession(t, withToken)
				after.sign = test.sign
				after.untilRenewals(3)
				if got := after.took(); got.Sign != test.signs || got.Refresh != 3 || got.Authenticate > 0 {
					t.Errorf("calls %+v", got)
				}
				after.wantState("then", test.state)
				if lease := after.token(); lease.Generation != 1 {
					t.Errorf("generation %d", lease.Generation)
				}
			})
		})
	}
}

// Anaplan's word counts for the one after, what was wrong with a device does not.
func TestAdoptTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, after := succession(t, func(before, _ *world) {
			before.sign = signing(pinRefused)
			before.wantProblem("before", agent.CodePINRefused)
		})
		time.Sleep(time.Hour)
		after.wantCalls("before a caller", calls{})
		after.token()
	})
	synctest.Test(t, func(t *testing.T) {
		_, after := succession(t, func(before, _ *world) {
			before.authenticate = always(patience)
			before.wantProblem("before", agent.CodeRateLimited)
		})
		after.wantProblem("after", agent.CodeRateLimited)
		after.wantCalls("in the time that Anaplan has asked for", calls{})
	})
}

func TestAdoptNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := newWorld(t, nil), newWorld(t, func(c *agent.KeeperConfig) { c.Generation = 100 })
		before.run()
		hand(before, after)
		if got := before.token(); got.Generation != 101 {
			t.Errorf("generation %d", got.Generation)
		}
		before.wantCalls("before", calls{})
	})
}

// One who has not been asked for long stays so.
func TestAdoptIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, after := succession(t, func(before, _ *world) {
			before.token()
			time.Sleep(13 * time.Hour)
			before.wantState("before", agent.StateIdle)
		})
		after.wantState("after", agent.StateIdle)
		time.Sleep(10 * tokenLife)
		after.wantCalls("while nobody asks", calls{})
		after.token()
	})
}

// How long nobody has asked is counted on, and a rest with a token that lives goes on.
func TestAdoptRest(t *testing.T) {
	for sleeps, state := range map[time.Duration]agent.State{19 * time.Minute: agent.StateHealthy, 21 * time.Minute: agent.StateIdle} {
		synctest.Test(t, func(t *testing.T) {
			short := func(c *agent.KeeperConfig) { c.Idle = 20 * time.Minute }
			before, after := startWorld(t, short), newWorld(t, short)
			before.token()
			used := before.keeper.Status().UsedAt
			time.Sleep(sleeps)
			before.wantState("before", state)
			hand(before, after)
			after.run()
			after.wantState("after", state)
			if got := after.keeper.Status().UsedAt; !got.Equal(used) {
				t.Errorf("used at %v, want %v", got, used)
			}
			time.Sleep(2 * time.Minute)
			after.wantState("then", agent.StateIdle)
			time.Sleep(time.Hour)
			after.wantCalls("in all", calls{})
		})
	}
}

// One that is to have a token always does not rest because the one before did.
func TestAdoptIdleByAnEagerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := startWorld(t, func(c *agent.KeeperConfig) { c.Idle = 20 * time.Minute }), newWorld(t, eager)
		before.token()
		time.Sleep(21 * time.Minute)
		before.wantState("before", agent.StateIdle)
		hand(before, after)
		after.run()
		after.wantState("at once", agent.StateHealthy)
		time.Sleep(24 * time.Hour)
		after.wantState("a day later", agent.StateHealthy)
	})
}

// No caller notices, whichever of a row of Keepers he has in hand.
func TestAdoptUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keepers, callers = 8, 4
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		ask := func(w *world) {
			for ctx.Err() == nil {
				if lease, err := w.keeper.Token(context.Background(), nil); err != nil || !lease.Token.Live(w.wall()) {
					t.Errorf("generation %d, %v", lease.Generation, err)
					return
				}
				time.Sleep(11 * time.Second)
			}
		}
		last := startWorld(t, eager)
		signs := 0
		for i := range keepers {
			for range callers {
				all.Go(func() { ask(last) })
			}
			time.Sleep(tokenLife / 10 * time.Duration(i))
			next := newWorld(t, eager)
			hand(last, next)
			next.run()
			signs += last.took().Sign
			last = next
		}
		cancel()
		all.Wait()
		if signs > keepers {
			t.Errorf("%d signatures by %d Keepers", signs, keepers)
		}
	})
}
