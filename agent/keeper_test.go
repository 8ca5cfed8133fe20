package agent_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/google/go-cmp/cmp"
)

func TestOneSignatureLastsADay(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := startWorld(t, nil)
			w.rotate = rotate
			born := time.Now()
			for range 24 {
				w.token()
				time.Sleep(time.Hour)
			}
			got := w.took()
			if got.Sign != 1 || got.Authenticate != 1 {
				t.Errorf("rotate %v: calls %+v, want one signature", rotate, got)
			}
			for _, at := range w.renewals() {
				if age := at.Sub(born); age < tokenLife*7/10 || age > tokenLife*8/10 {
					t.Errorf("rotate %v: refreshed at the age of %v", rotate, age)
				}
				born = at
			}
			want := uint64(1)
			if rotate {
				want += uint64(got.Refresh)
			}
			if lease := w.token(); lease.Generation != want {
				t.Errorf("rotate %v: generation %d after %d refreshes, want %d", rotate, lease.Generation, got.Refresh, want)
			}
		})
	}
}

func TestRenewalIsLeftToChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		time.Sleep(24 * time.Hour)
		gaps := map[time.Duration]bool{}
		times := w.renewals()
		for i, at := range times[1:] {
			gaps[at.Sub(times[i])] = true
		}
		if len(gaps) < len(times)/2 {
			t.Errorf("%d refreshes came at %d different distances", len(times), len(gaps))
		}
	})
}

func TestTenThousandCallersOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.authenticate = after(time.Second, nil)
		for i, got := range crowd(10_000, func() (agent.Lease, error) { return w.keeper.Token(t.Context(), func(agent.Notice) {}) }) {
			if got.err != nil || got.lease.Generation != 1 || got.lease.Token.Value.Reveal() != "token 1" {
				t.Fatalf("caller %d: generation %d, %v", i, got.lease.Generation, got.err)
			}
		}
		w.wantCalls("10,000 callers", calls{Sign: 1, Authenticate: 1})
	})
}

func TestFlightSurvivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.authenticate = after(10*time.Second, nil)
		gone := errors.New("the caller has gone")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
		defer cancel()
		if _, err := w.keeper.Token(ctx, nil); err != gone {
			t.Errorf("impatient caller: %v, want %v", err, gone)
		}
		w.token()
		if _, err := w.keeper.Login(ctx, nil); err != gone {
			t.Errorf("a caller who has gone before: %v, want %v", err, gone)
		}
		w.wantCalls("after all", calls{Sign: 1, Authenticate: 1})
	})
}

// What Sign and Exchange were given to work with ends with the flight.
func TestContextEndsWithTheFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		var given []context.Context
		w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
			given = append(given, ctx)
			return nil
		}
		w.authenticate = func(ctx context.Context) error {
			given = append(given, ctx)
			return nil
		}
		w.token()
		synctest.Wait()
		for _, ctx := range given {
			if ctx.Err() == nil {
				t.Error("it goes on")
			}
		}
	})
}

// Before Run a caller gets a token too, and Run waits for what it finds under way.
func TestTokenBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.token()
		if got := len(w.told()); got != 3 { // sign, login, state
			t.Errorf("told %d events before the caller had its answer", got)
		}
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.authenticate = after(time.Second, nil)
		go w.keeper.Token(context.Background(), nil)
		synctest.Wait()
		w.run()()
		w.wantCalls("until Run's end", calls{Sign: 2, Authenticate: 2, Logout: 1})
		if err := w.keeper.Run(t.Context()); err == nil {
			t.Error("Run twice: no error")
		}
	})
}

func TestEagerNeedsNoCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		w.wantCalls("at the start", calls{Sign: 1, Authenticate: 1})
		time.Sleep(100 * time.Hour)
		w.wantState("after 100 hours", agent.StateHealthy)
		if got := w.took(); got.Sign != 0 || got.Refresh < 200 {
			t.Errorf("calls in 100 hours: %+v", got)
		}
	})
}

func TestRefusedRefreshMakesOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.set(func() {
			w.refresh = always(errRevoked)
			w.authenticate = after(5*time.Second, nil)
		})
		w.took()
		for w.keeper.Status().Generation != 0 { // until the refusal, in steps shorter than the login
			time.Sleep(time.Second)
		}
		for _, got := range crowd(1000, func() (agent.Lease, error) { return w.keeper.Token(t.Context(), nil) }) {
			if got.err != nil || got.lease.Generation != first.Generation+1 {
				t.Fatalf("got generation %d, %v", got.lease.Generation, got.err)
			}
		}
		w.wantCalls("after the refusal", calls{Sign: 1, Authenticate: 1, Refresh: 1})
		w.wantState("then", agent.StateHealthy)
	})
}

func TestReplaceMakesOneLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.set(func() { w.authenticate = after(time.Second, nil) })
		w.took()
		replace := func() (agent.Lease, error) { return w.keeper.Replace(t.Context(), first.Generation, nil) }
		token := func() (agent.Lease, error) {
			time.Sleep(time.Millisecond) // later than the first that knows
			return w.keeper.Token(t.Context(), nil)
		}
		others := make(chan []answer)
		go func() { others <- crowd(1000, token) }()
		answers := append(crowd(1000, replace), <-others...)
		for _, got := range answers {
			if got.err != nil || got.lease.Generation != 2 {
				t.Fatalf("got generation %d, %v", got.lease.Generation, got.err)
			}
		}
		w.wantCalls("2,000 callers", calls{Sign: 1, Authenticate: 1})

		for _, generation := range []uint64{0, 1, 77} { // not the present one
			if lease, err := w.keeper.Replace(t.Context(), generation, nil); err != nil || lease.Generation != 2 {
				t.Errorf("Replace(%d): generation %d, %v", generation, lease.Generation, err)
			}
		}
		w.wantCalls("late callers", calls{})
	})
}

// A caller that waits for a login, and is slower than another that finds its token refused, gets
// the next one.
func TestReplaceBeforeAWaitingCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		w = startWorld(t, func(c *agent.KeeperConfig) {
			c.Observe = func(event agent.Event) {
				if event.Kind == agent.EventLogin && event.Lease.Generation == 1 {
					go w.keeper.Replace(context.Background(), 1, nil)
					time.Sleep(time.Second) // those who wait are told after this
				}
			}
		})
		w.authenticate = after(5*time.Second, nil)
		if lease := w.token(); lease.Generation != 2 {
			t.Errorf("generation %d", lease.Generation)
		}
	})
}

// Anaplan may renew by name what it refuses elsewhere. A token that a caller has found
// refused is not handed out again for that, to nobody, at no time.
func TestReplaceDuringRefresh(t *testing.T) {
	tests := []struct {
		name   string
		rotate bool
		want   calls
	}{
		{"the same value is not taken", false, calls{Sign: 1, Authenticate: 1, Refresh: 1}},
		{"another one is", true, calls{Refresh: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				first := w.token()
				w.took()
				w.set(func() {
					w.rotate, w.refresh, w.authenticate = test.rotate, after(10*time.Second, nil), after(10*time.Second, nil)
				})
				w.untilRenewals(1)
				var others sync.WaitGroup
				for second := range 30 { // during the refresh, during the login, and after both
					others.Go(func() {
						time.Sleep(time.Duration(second)*time.Second + time.Millisecond)
						if lease := w.token(); lease.Generation != 2 {
							t.Errorf("a call after %d s got generation %d", second, lease.Generation)
						}
					})
				}
				lease, err := w.keeper.Replace(t.Context(), first.Generation, nil)
				if err != nil || lease.Generation != 2 || lease.Token.Value.Reveal() != "token 2" {
					t.Errorf("generation %d, %v", lease.Generation, err)
				}
				others.Wait()
				// Waiting callers are told after this, in any order, and could have asked again by
				// then.
				for _, event := range w.told() {
					if event.Kind == agent.EventRefresh && event.Problem == nil && event.Lease.Generation == first.Generation {
						t.Error("the token that was found refused is taken for renewed")
					}
				}
				w.wantCalls("in the end", test.want)
			})
		})
	}
}

func TestForcedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		login := func() (agent.Lease, error) { return w.keeper.Login(t.Context(), nil) }
		w.token()
		w.set(func() { w.authenticate = after(time.Second, nil) })
		w.took()
		for _, got := range crowd(100, login) {
			if got.err != nil || got.lease.Generation != 2 {
				t.Fatalf("generation %d, %v", got.lease.Generation, got.err)
			}
		}
		w.wantCalls("100 logins at once", calls{Sign: 1, Authenticate: 1})

		w.set(func() { w.sign = signing(pinRefused) })
		_, err := login()
		wantCode(t, "wrong PIN", err, agent.CodePINRefused)
		if lease := w.token(); lease.Generation != 2 {
			t.Errorf("generation %d after a failed login, want the one before", lease.Generation)
		}
		w.wantState("with the token before", agent.StateDegraded)

		w.set(func() { w.sign = nil })
		if _, err := login(); err != nil {
			t.Errorf("Login after a final problem: %v", err)
		}
		w.wantState("after that", agent.StateHealthy)
		w.wantCalls("in the end", calls{Sign: 2, Authenticate: 1})
	})
}

// TestTryLogin: a caller that may not say that something was put right gets a new login while all
// is well, and after a failure no more tries than a caller of Token.
func TestTryLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		try := func() (agent.Lease, error) { return w.keeper.TryLogin(t.Context(), nil) }
		w.token()
		w.set(func() { w.authenticate = after(time.Second, nil) })
		w.took()
		for _, got := range crowd(100, try) {
			if got.err != nil || got.lease.Generation != 2 {
				t.Fatalf("generation %d, %v", got.lease.Generation, got.err)
			}
		}
		w.wantCalls("100 logins at once", calls{Sign: 1, Authenticate: 1})

		w.set(func() { w.sign = signing(noDevice) })
		for range 10 {
			_, err := try()
			wantCode(t, "without the device", err, agent.CodeDeviceAbsent)
		}
		w.wantCalls("10 in a row", calls{Sign: 1})
		w.keeper.Lock()
		_, err := try()
		wantCode(t, "locked", err, agent.CodeLocked)
		w.keeper.Unlock()

		w.set(func() { w.sign = signing(pinRefused) })
		_, err = w.keeper.Login(t.Context(), nil)
		wantCode(t, "Login", err, agent.CodePINRefused)
		w.took()
		w.set(func() { w.sign = nil })
		for range 24 {
			time.Sleep(time.Hour)
			_, err := try()
			wantCode(t, "after a final problem", err, agent.CodePINRefused)
		}
		if got := w.took(); got.Sign != 0 {
			t.Errorf("%d signatures after a final problem", got.Sign)
		}
		if _, err := w.keeper.Login(t.Context(), nil); err != nil {
			t.Error(err)
		}
		if lease, err := try(); err != nil || lease.Generation != 4 {
			t.Errorf("after Login: generation %d, %v", lease.Generation, err)
		}
	})
}

// TestTryLoginBesideAFlight: a refresh under way is not a way past a final problem, and a caller
// that joins a login gets what that brings.
func TestTryLoginBesideAFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		w.set(func() {
			w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
				return after(time.Second, pinRefused)(ctx)
			}
		})
		w.took()
		first := make(chan error, 1)
		go func() {
			_, err := w.keeper.Login(t.Context(), nil)
			first <- err
		}()
		synctest.Wait()
		_, err := w.keeper.TryLogin(t.Context(), nil)
		wantCode(t, "beside a login", err, agent.CodePINRefused)
		wantCode(t, "Login", <-first, agent.CodePINRefused)
		w.wantCalls("both", calls{Sign: 1})

		w.set(func() { w.refresh = after(10*time.Second, nil) })
		w.untilRenewals(1)
		_, err = w.keeper.TryLogin(t.Context(), nil)
		wantCode(t, "beside a refresh", err, agent.CodePINRefused)
		w.wantCalls("that", calls{Refresh: 1})
	})
}

// A wrong PIN at a forced login does no harm to the token that lives; it is renewed
// on. When it is refused, nobody spends another try.
func TestFinalProblemOutlivesRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.token()
		w.set(func() { w.sign = signing(pinRefused) })
		_, err := w.keeper.Login(t.Context(), nil)
		wantCode(t, "Login", err, agent.CodePINRefused)
		w.took()
		time.Sleep(5 * time.Hour)
		w.token()
		w.wantState("while the problem stands", agent.StateDegraded)
		if got := w.took(); got.Refresh < 5 || got.Sign != 0 {
			t.Errorf("calls in 5 hours: %+v", got)
		}
		w.set(func() { w.refresh = always(errRevoked) })
		time.Sleep(5 * time.Hour)
		w.wantProblem("when the token is refused", agent.CodePINRefused)
		w.wantCalls("then", calls{Refresh: 1})
		w.wantState("then", agent.StateDown)
	})
}

func TestLoginWaitsForARefresh(t *testing.T) {
	for _, test := range []struct {
		name    string
		refresh error
		want    calls
	}{
		{"which goes well", nil, calls{Sign: 1, Authenticate: 1, Refresh: 1}},
		{"which fails", unreachable, calls{Sign: 1, Authenticate: 1, Refresh: 1}},
		{"which becomes a login", errRevoked, calls{Sign: 1, Authenticate: 1, Refresh: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				w.token()
				w.took()
				w.set(func() { w.refresh = after(10*time.Second, test.refresh) })
				w.untilRenewals(1)
				if lease, err := w.keeper.Login(t.Context(), nil); err != nil || lease.Generation != 2 {
					t.Errorf("generation %d, %v", lease.Generation, err)
				}
				w.wantCalls("then", test.want)
			})
		})
	}
}

func TestLogout(t *testing.T) {
	tests := []struct {
		name   string
		answer error
		want   error
	}{
		{"done", nil, nil},
		{"no good before", errRevoked, nil},
		{"not done", unreachable, unreachable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, eager)
				w.set(func() { w.logout = after(time.Second, test.answer) })
				w.took()
				for _, got := range crowd(10, func() (agent.Lease, error) { return agent.Lease{}, w.keeper.Logout(t.Context()) }) {
					if got.err != test.want {
						t.Errorf("Logout: %v, want %v", got.err, test.want)
					}
				}
				w.wantCalls("10 at once", calls{Logout: 1})
				w.wantState("then", agent.StateIdle)
				time.Sleep(time.Hour)
				w.wantCalls("left alone", calls{})
				if err := w.keeper.Logout(t.Context()); err != nil {
					t.Errorf("Logout without a token: %v", err)
				}
				w.token()
				w.wantCalls("the next caller", calls{Sign: 1, Authenticate: 1})
				time.Sleep(time.Hour)
				if got := w.took(); got.Refresh == 0 {
					t.Errorf("the new token is not renewed: %+v", got)
				}
			})
		})
	}
}

// A logout puts nothing right: a final problem is still there to be seen.
func TestLogoutHidesNoFinalProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = signing(pinRefused)
		w.wantProblem("wrong PIN", agent.CodePINRefused)
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		w.wantState("after the logout", agent.StateDown)
		if problem := w.keeper.Status().Problem; problem != pinRefused {
			t.Errorf("the status has the problem %v", problem)
		}
		w.wantProblem("the next caller", agent.CodePINRefused)
		w.wantCalls("in all", calls{Sign: 1})
	})
}

// A logout puts aside what need not be so any more.
func TestLogoutForgetsAPassingProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = signing(noDevice)
		w.wantProblem("without the card", agent.CodeDeviceAbsent)
		w.wantState("before the logout", agent.StateDown)
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		w.wantState("after the logout", agent.StateIdle)
		if problem := w.keeper.Status().Problem; problem != nil {
			t.Errorf("the status has the problem %v", problem)
		}
	})
}

// One after the other: a login, the logout, the login of a caller that comes meanwhile. The
// logout's failure is not that caller's.
func TestLogoutWaitsForALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.authenticate, w.logout = after(time.Second, nil), after(time.Second, unreachable)
		first := make(chan agent.Lease, 1)
		go func() { first <- w.token() }()
		synctest.Wait()
		go w.keeper.Logout(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := w.keeper.Logout(ctx); err != context.DeadlineExceeded {
			t.Errorf("impatient Logout: %v", err)
		}
		// He may be served before the logout begins, or after it with another token.
		if lease := <-first; lease.Generation != 1 && lease.Generation != 2 {
			t.Errorf("generation %d for the call before", lease.Generation)
		}
		time.Sleep(100 * time.Millisecond) // the logout is under way
		if lease := w.token(); lease.Generation != 2 {
			t.Errorf("generation %d for the call after", lease.Generation)
		}
		w.wantCalls("in the end", calls{Sign: 2, Authenticate: 2, Logout: 1})
	})
}

// After Logout only an eager Keeper goes on trying for a caller who had no luck.
func TestFailureAfterLogout(t *testing.T) {
	tests := []struct {
		name   string
		change func(*agent.KeeperConfig)
		want   agent.State
	}{{"lazy", nil, agent.StateDown}, {"eager", eager, agent.StateHealthy}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, test.change)
				w.token()
				if err := w.keeper.Logout(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.set(func() { w.sign = signing(noDevice) })
				w.wantProblem("without the card", agent.CodeDeviceAbsent)
				w.set(func() { w.sign = nil })
				time.Sleep(time.Hour)
				w.wantState("an hour later", test.want)
			})
		})
	}
}

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.keeper.Lock()
		problem := w.wantProblem("locked", agent.CodeLocked)
		want := &agent.Problem{
			Code: agent.CodeLocked, Message: "the profile is locked", Hints: []string{"anaplan-agent unlock"},
			Human: true, Final: true,
		}
		if diff := cmp.Diff(want, problem); diff != "" {
			t.Errorf("problem (-want +got):\n%s", diff)
		}
		w.wantState("locked", agent.StateLocked)
		time.Sleep(5 * time.Hour)
		if got := w.took(); got.Refresh < 5 || got.Sign != 1 {
			t.Errorf("calls in 5 locked hours: %+v, want refreshes", got)
		}
		_, err := w.keeper.Replace(t.Context(), first.Generation, nil)
		wantCode(t, "Replace", err, agent.CodeLocked)
		_, err = w.keeper.Login(t.Context(), nil)
		wantCode(t, "Login", err, agent.CodeLocked)
		w.keeper.Unlock()
		if lease := w.token(); lease.Generation != first.Generation {
			t.Errorf("generation %d after Unlock, want the one before", lease.Generation)
		}
		w.wantState("unlocked", agent.StateHealthy)
	})
}

func TestLockedProfileSignsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		w.keeper.Lock()
		w.set(func() { w.refresh = always(errRevoked) })
		w.took()
		time.Sleep(5 * time.Hour)
		w.wantCalls("locked", calls{Refresh: 1})
		w.keeper.Unlock()
		w.set(func() { w.refresh = nil })
		time.Sleep(time.Minute)
		w.wantCalls("unlocked", calls{Sign: 1, Authenticate: 1})
		w.wantState("unlocked", agent.StateHealthy)
	})
}

// A signature that is under way ends with Lock, and those who wait for it have their answer; the
// device has not failed.
func TestLockEndsASignature(t *testing.T) {
	for _, signs := range []error{nil, context.Canceled} { // what Sign makes of it
		synctest.Test(t, func(t *testing.T) {
			w := startWorld(t, nil)
			w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
				<-ctx.Done()
				return signs
			}
			got := make(chan []answer)
			go func() { got <- crowd(10, func() (agent.Lease, error) { return w.keeper.Token(t.Context(), nil) }) }()
			synctest.Wait()
			w.keeper.Lock()
			for _, got := range <-got {
				wantCode(t, "waiting", got.err, agent.CodeLocked)
			}
			w.wantCalls("locked", calls{Sign: 1})
			w.set(func() { w.sign = nil })
			w.keeper.Unlock()
			if problem := w.keeper.Status().Problem; problem != nil {
				t.Errorf("problem %v stays", problem)
			}
			w.token()
			w.wantCalls("unlocked", calls{Sign: 1, Authenticate: 1})
		})
	}
}

// What needs no signature any more goes on.
func TestLockLeavesTheExchangeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.authenticate, w.refresh = after(10*time.Second, nil), after(10*time.Second, nil)
		got := make(chan error, 1)
		go func() {
			_, err := w.keeper.Token(t.Context(), nil)
			got <- err
		}()
		time.Sleep(time.Second)
		w.keeper.Lock()
		wantCode(t, "waiting", <-got, agent.CodeLocked)
		w.keeper.Unlock()
		w.token()
		w.untilRenewals(1)
		w.keeper.Lock()
		time.Sleep(15 * time.Second)
		w.keeper.Unlock()
		w.wantState("renewed under lock", agent.StateHealthy)
		w.wantCalls("in all", calls{Sign: 1, Authenticate: 1, Refresh: 1})
	})
}

// A waiting caller does not suffer from a lock that is undone before it notices.
func TestLockAndUnlockAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = func(context.Context, bool, agent.NotifyFunc) error {
			time.Sleep(time.Second) // too late to hear of it
			return nil
		}
		got := make(chan agent.Lease, 1)
		go func() { got <- w.token() }()
		synctest.Wait()
		w.keeper.Lock()
		w.keeper.Status()
		w.keeper.Unlock()
		<-got
		w.wantCalls("in the end", calls{Sign: 2, Authenticate: 1})
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, func(c *agent.KeeperConfig) { c.Idle = 2 * time.Hour })
		w.token()
		time.Sleep(2*time.Hour - time.Second)
		w.wantState("shortly before", agent.StateHealthy)
		w.took()
		time.Sleep(time.Minute)
		w.wantState("shortly after", agent.StateIdle)
		w.token()
		w.wantState("used again while the token lives", agent.StateHealthy)
		time.Sleep(time.Hour)
		if got := w.took(); got.Sign != 0 || got.Refresh == 0 {
			t.Errorf("used again: calls %+v, want refreshes", got)
		}

		time.Sleep(100 * time.Hour)
		w.took()
		time.Sleep(100 * time.Hour)
		w.wantCalls("unused", calls{})
		w.wantState("unused", agent.StateIdle)
		if status := w.keeper.Status(); status.Generation != 0 || !status.RenewAt.IsZero() || status.UsedAt.IsZero() {
			t.Errorf("status %+v", status)
		}
		if got := w.wakes(1000 * time.Hour); got != 0 {
			t.Errorf("woke %d times for nothing", got)
		}
		w.token()
		w.wantCalls("used again", calls{Sign: 1, Authenticate: 1})
		if got := w.count(agent.EventIdle); got != 2 {
			t.Errorf("%d idle events, want 2", got)
		}
	})
}

func (w *world) count(kind agent.EventKind) (n int) {
	for _, event := range w.told() {
		if event.Kind == kind {
			n++
		}
	}
	return n
}

// A refresh that comes back after the Keeper went idle does not wake it up.
func TestIdleDuringRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, func(c *agent.KeeperConfig) { c.Idle, c.Timeout = 30*time.Minute, time.Hour })
		w.refresh = after(30*time.Minute, nil)
		w.token()
		time.Sleep(10 * time.Hour)
		w.wantState("then", agent.StateIdle)
		w.wantCalls("in all", calls{Sign: 1, Authenticate: 1, Refresh: 1})
	})
}

func TestUnusedKeeperSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		time.Sleep(time.Hour)
		if got := w.wakes(1000 * time.Hour); got != 0 {
			t.Errorf("woke %d times for nothing", got)
		}
		w.wantCalls("unused", calls{})
	})
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := w.wakes(1000 * time.Hour); got != 0 {
			t.Errorf("logged out: woke %d times for nothing", got)
		}
	})
}

func TestRunEndsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		stop := w.run()
		w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
			<-ctx.Done()
			time.Sleep(time.Second) // it takes a while to end the child
			return ctx.Err()
		}
		got := make(chan []answer, 1)
		go func() { got <- crowd(10, func() (agent.Lease, error) { return w.keeper.Token(t.Context(), nil) }) }()
		synctest.Wait()
		began := time.Now()
		stop()
		if took := time.Since(began); took != time.Second {
			t.Errorf("Run ended after %v, want it to wait for the signer", took)
		}
		for _, got := range <-got {
			wantCode(t, "waiting", got.err, agent.CodeStopping)
		}
		told := len(w.told())
		w.wantProblem("afterwards", agent.CodeStopping)
		wantCode(t, "Logout", w.keeper.Logout(t.Context()), agent.CodeStopping)
		w.keeper.Lock()
		if after := w.told()[told:]; len(after) > 0 {
			t.Errorf("told afterwards: %+v", after)
		}
		w.wantCalls("in the end", calls{Sign: 1})
	})
}

func TestRunEndsAnExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		stop := w.run()
		w.authenticate = after(time.Hour, nil)
		go w.keeper.Token(t.Context(), nil)
		synctest.Wait()
		stop()
		events := w.told()
		last := events[len(events)-1]
		if last.Kind != agent.EventLogin || last.Problem == nil || last.Problem.Code != agent.CodeStopping {
			t.Errorf("the last event: %+v", last)
		}
	})
}

func TestRunEndsWithALiveToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		stop := w.run()
		w.token()
		stop()
		if problem := w.wantProblem("afterwards", agent.CodeStopping); problem.Message != "the agent is about to end" {
			t.Errorf("message %q", problem.Message)
		}
		if status := w.keeper.Status(); status.Generation != 0 {
			t.Errorf("the token is still there: %+v", status)
		}
	})
}

func TestPanicsAreProblems(t *testing.T) {
	boom := func() error { panic("hunter2") }
	index := func() error { var none []int; _ = none[1]; return nil }
	for _, test := range []struct {
		name  string
		spoil func(w *world)
		want  string
	}{
		{"Sign", func(w *world) {
			w.sign = func(context.Context, bool, agent.NotifyFunc) error { return boom() }
		}, "a mistake of this program in signing: panic of a string"},
		{"Authenticate", func(w *world) {
			w.authenticate = func(context.Context) error { return index() }
		}, "a mistake of this program in login: runtime error: index out of range [1] with length 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				test.spoil(w)
				problem := w.wantProblem("broken", agent.CodeInternal)
				if problem.Message != test.want {
					t.Errorf("message %q, want %q", problem.Message, test.want)
				}
				events := w.told()
				last := events[len(events)-2] // before the state
				if broken, ok := errors.AsType[*agent.PanicError](last.Err); !ok || !strings.Contains(string(broken.Stack), "keeper_test.go") {
					t.Errorf("the event does not say where: %v", last.Err)
				}
				w.set(func() { w.sign, w.authenticate = nil, nil })
				w.keeper.Unlock()
				w.token()
			})
		})
	}
}

func TestPanicOfRefreshKeepsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.set(func() { w.refresh = func(context.Context) error { panic("hunter2") } })
		time.Sleep(30 * time.Minute)
		w.wantState("broken", agent.StateDegraded)
		if lease := w.token(); lease.Generation != first.Generation {
			t.Errorf("generation %d, want the one before", lease.Generation)
		}
	})
}

func TestUselessTokensAreNotServed(t *testing.T) {
	for _, test := range []struct {
		name string
		life time.Duration
	}{{"ended", -time.Minute}, {"ends now", 0}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				w.life = test.life
				problem := w.wantProblem("login", agent.CodeServerRefused)
				if !slices.Equal(problem.Hints, []string{"see that the clock of this machine is right"}) {
					t.Errorf("hints %q", problem.Hints)
				}
				time.Sleep(time.Minute)
				w.set(func() { w.life = tokenLife })
				first := w.token()
				w.set(func() { w.life = test.life })
				time.Sleep(30 * time.Minute)
				if lease := w.token(); lease.Generation != first.Generation || lease.Token.ExpiresAt != first.Token.ExpiresAt {
					t.Errorf("generation %d until %v, want the token before", lease.Generation, lease.Token.ExpiresAt)
				}
			})
		})
	}
}

// emptyExchange gives what is not a token.
type emptyExchange struct{ *world }

func (emptyExchange) Authenticate(context.Context, *agent.Login) (agent.Token, error) {
	return agent.Token{ExpiresAt: time.Now().Add(time.Hour)}, nil
}

func TestNothingIsNoToken(t *testing.T) {
	tests := []struct {
		name    string
		change  func(*agent.KeeperConfig)
		want    agent.Code
		message string
	}{
		{"empty token", func(c *agent.KeeperConfig) { c.Exchange = emptyExchange{} }, agent.CodeServerRefused, "Anaplan has given an empty token"},
		{"no login", func(c *agent.KeeperConfig) {
			c.Sign = func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) { return nil, nil }
		}, agent.CodeInternal, "signing brought no login"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, test.change)
				if problem := w.wantProblem("always", test.want); problem.Message != test.message {
					t.Errorf("message %q, want %q", problem.Message, test.message)
				}
			})
		})
	}
}

func TestTimeoutBoundsTheExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
			return after(5*time.Minute, nil)(ctx) // a person's time does not count
		}
		w.authenticate = after(time.Hour, nil)
		began := time.Now()
		problem := w.wantProblem("Anaplan hangs", agent.CodeUnreachable)
		if took := time.Since(began); took != 6*time.Minute {
			t.Errorf("gave up after %v, want 6 minutes", took)
		}
		if want := "Anaplan has not answered within 1m0s: context deadline exceeded"; problem.Message != want {
			t.Errorf("message %q, want %q", problem.Message, want)
		}
	})
}

func TestExplain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, func(c *agent.KeeperConfig) {
			c.Explain = func(err error) *agent.Problem {
				if err.Error() != "known" {
					return nil
				}
				return agent.Problemf(agent.CodeKeyUnusable, "explained")
			}
		})
		cause := errors.New("known")
		w.sign = signing(cause)
		w.wantProblem("known", agent.CodeKeyUnusable)
		if got := w.told()[0]; got.Err != cause {
			t.Errorf("the event has the cause %v, want %v", got.Err, cause)
		}
		w.keeper.Unlock()
		w.set(func() { w.sign = signing(errors.New("unknown")) })
		w.wantProblem("unknown", agent.CodeInternal)
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := &x509.Certificate{
			Subject: pkix.Name{CommonName: "Robot"}, EmailAddresses: []string{"robot@example.com"}, Raw: []byte("certificate"), NotAfter: time.Now().AddDate(1, 0, 0),
		}
		w := startWorld(t, func(c *agent.KeeperConfig) {
			c.Sign = func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) {
				return &agent.Login{Certificate: cert}, nil
			}
		})
		if diff := cmp.Diff(agent.Status{State: agent.StateIdle}, w.keeper.Status()); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}
		now := time.Now()
		w.token()
		got := w.keeper.Status()
		if age := got.RenewAt.Sub(now); age < tokenLife*7/10 || age > tokenLife*8/10 {
			t.Errorf("to be renewed at the age of %v", age)
		}
		want := agent.Status{
			State: agent.StateHealthy, Generation: 1, ExpiresAt: now.Add(tokenLife), RenewAt: got.RenewAt, UsedAt: now,
			Certificate: &agent.CertificateStatus{Subject: "CN=Robot", Email: "robot@example.com", NotAfter: cert.NotAfter, SHA256: fmt.Sprintf("%x", sha256.Sum256(cert.Raw))},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with a token (-want +got):\n%s", diff)
		}
	})
}

func TestEventsInOrder(t *testing.T) {
	type brief struct {
		Kind       agent.EventKind
		Code       agent.Code
		State      agent.State
		Took       time.Duration
		Generation uint64
		Attended   bool
	}
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, func(c *agent.KeeperConfig) { c.Idle = 2 * time.Hour })
		w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error { return after(3*time.Second, nil)(ctx) }
		w.set(func() { w.authenticate, w.certificate = after(time.Second, unreachable), &x509.Certificate{} })
		w.wantProblem("first", agent.CodeUnreachable)
		time.Sleep(time.Second)
		w.set(func() { w.authenticate = after(time.Second, nil) })
		w.token()
		w.set(func() { w.refresh = always(errRevoked) })
		time.Sleep(30 * time.Minute)
		w.keeper.Lock()
		w.keeper.Status()
		w.keeper.Unlock()
		synctest.Wait()
		if err := w.keeper.Logout(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()

		want := []brief{
			{Kind: agent.EventSign, Took: 3 * time.Second, Attended: true},
			{Kind: agent.EventLogin, Took: time.Second, Code: agent.CodeUnreachable, Attended: true},
			{Kind: agent.EventState, State: agent.StateDown},
			{Kind: agent.EventSign, Took: 3 * time.Second, Attended: true},
			{Kind: agent.EventLogin, Took: time.Second, Generation: 1, Attended: true},
			{Kind: agent.EventState, State: agent.StateHealthy},
			{Kind: agent.EventRefresh, Code: agent.CodeInternal},
			{Kind: agent.EventSign, Took: 3 * time.Second},
			{Kind: agent.EventLogin, Took: time.Second, Generation: 2},
			{Kind: agent.EventState, State: agent.StateLocked},
			{Kind: agent.EventState, State: agent.StateHealthy},
			{Kind: agent.EventState, State: agent.StateIdle},
			{Kind: agent.EventLogout},
		}
		var got []brief
		for _, event := range w.told() {
			brief := brief{event.Kind, "", event.State, event.Took, event.Lease.Generation, event.Attended}
			if event.Problem != nil {
				brief.Code = event.Problem.Code
			}
			if good := event.Problem == nil; (event.Certificate != nil) != (good && event.Kind == agent.EventSign) || (event.Err == nil) != good {
				t.Errorf("event %+v", event)
			}
			got = append(got, brief)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// An observer may call the Keeper, and is never called twice at the same time.
func TestObserverMayCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		inside := false // without a lock: the race detector watches
		w = startWorld(t, func(c *agent.KeeperConfig) {
			c.Observe = func(event agent.Event) {
				if inside {
					t.Error("told two events at the same time")
				}
				inside = true
				w.keeper.Status()
				if event.Kind == agent.EventLogin {
					w.keeper.Lock()
					w.keeper.Status()
					w.keeper.Unlock()
				}
				time.Sleep(time.Second)
				inside = false
			}
		})
		for range 10 {
			w.keeper.Lock()
			w.keeper.Status()
			w.keeper.Unlock()
			w.keeper.Token(t.Context(), nil)
		}
	})
}

func TestNoticesReachAllWhoWait(t *testing.T) {
	touch := agent.Notice{Kind: agent.NoticeTouch, Message: "touch the card"}
	over := agent.Notice{Kind: agent.NoticeTouchOver, Message: "thanks"}
	info := agent.Notice{Kind: agent.NoticeInfo, Message: "by the way"}
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = func(ctx context.Context, _ bool, notify agent.NotifyFunc) error {
			for _, notice := range []agent.Notice{touch, info, over} {
				notify(notice)
				time.Sleep(10 * time.Second)
			}
			go after(5*time.Second, nil)(ctx)
			return nil
		}
		w.authenticate = after(10*time.Second, nil)

		// Callers come and go at these seconds; notices at 0, 10 and 20, the signature at 30.
		callers := []struct {
			comes, goes time.Duration
			want        []agent.Notice
			got         []agent.Notice
		}{
			{comes: 0, goes: 100 * time.Second, want: []agent.Notice{touch, info, over}},
			{comes: 5 * time.Second, goes: 100 * time.Second, want: []agent.Notice{touch, info, over}},
			{comes: 5 * time.Second, goes: 15 * time.Second, want: []agent.Notice{touch, info}},
			{comes: 15 * time.Second, goes: 100 * time.Second, want: []agent.Notice{touch, over}},
			{comes: 25 * time.Second, goes: 100 * time.Second, want: nil},
			{comes: 35 * time.Second, goes: 100 * time.Second, want: nil},
		}
		for i := range callers {
			caller := &callers[i]
			go func() {
				time.Sleep(caller.comes)
				ctx, cancel := context.WithTimeout(t.Context(), caller.goes-caller.comes)
				defer cancel()
				w.keeper.Token(ctx, func(notice agent.Notice) { caller.got = append(caller.got, notice) })
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, caller := range callers {
			if diff := cmp.Diff(caller.want, caller.got); diff != "" {
				t.Errorf("caller %d, from %v to %v (-want +got):\n%s", i, caller.comes, caller.goes, diff)
			}
		}
		w.wantCalls("in all", calls{Sign: 1, Authenticate: 1})
	})
}

func TestTell(t *testing.T) {
	agent.NotifyFunc(nil).Tell(agent.NoticeInfo, "nobody is told")
	var got agent.Notice
	agent.NotifyFunc(func(notice agent.Notice) { got = notice }).Tell(agent.NoticeInfo, "by the way")
	if want := (agent.Notice{Kind: agent.NoticeInfo, Message: "by the way"}); got != want {
		t.Errorf("told %+v, want %+v", got, want)
	}
}

// What a signer says after its end reaches nobody later.
func TestStandingNoticeEndsWithTheSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.sign = func(_ context.Context, _ bool, notify agent.NotifyFunc) error {
			notify.Tell(agent.NoticeTouch, "touch the card")
			return nil
		}
		w.authenticate = after(time.Second, nil)
		go w.keeper.Token(t.Context(), nil)
		synctest.Wait()
		w.keeper.Token(t.Context(), func(notice agent.Notice) { t.Errorf("told %+v while Anaplan is asked", notice) })
	})
}

// TestOpen: what is locked stays so for everybody until the login of the caller that opens it has
// succeeded, whichever caller gives up on the way.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		first := w.token()
		w.keeper.Lock()
		goOn := make(chan error)
		w.set(func() { w.sign = func(context.Context, bool, agent.NotifyFunc) error { return <-goOn } })
		open := func(ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() {
				_, err := w.keeper.Open(ctx, nil)
				done <- err
			}()
			synctest.Wait()
			return done
		}

		impatient, cancel := context.WithCancel(t.Context())
		done := open(impatient)
		w.wantProblem("while it is opened", agent.CodeLocked)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that gave up got %v", err)
		}
		w.wantProblem("when the caller that opens it has gone", agent.CodeLocked)
		goOn <- noDevice
		synctest.Wait()
		w.wantProblem("after it failed", agent.CodeLocked)

		done = open(t.Context())
		w.keeper.Lock()
		goOn <- nil
		if err := <-done; agent.ProblemOf(err).Code != agent.CodeLocked {
			t.Errorf("locked again meanwhile: %v", err)
		}
		w.wantProblem("locked again", agent.CodeLocked)

		done = open(t.Context())
		goOn <- nil
		if err := <-done; err != nil {
			t.Errorf("opening it: %v", err)
		}
		if lease := w.token(); lease.Generation <= first.Generation {
			t.Errorf("generation %d after %d", lease.Generation, first.Generation)
		}
		w.wantState("opened", agent.StateHealthy)
	})
}

// TestOpenTakesNoOlderLogin: a login that began before does not know the PIN of the opening caller.
func TestOpenTakesNoOlderLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		goOn := make(chan error)
		w.set(func() { w.sign = func(context.Context, bool, agent.NotifyFunc) error { return <-goOn } })
		script, person := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := w.keeper.Token(t.Context(), nil)
			script <- err
		}()
		synctest.Wait()
		go func() {
			_, err := w.keeper.Open(t.Context(), nil)
			person <- err
		}()
		synctest.Wait()
		goOn <- pinNeeded
		if err := <-script; agent.ProblemOf(err).Code != agent.CodePINNeeded {
			t.Errorf("the script got %v", err)
		}
		goOn <- nil
		if err := <-person; err != nil {
			t.Errorf("the person got %v", err)
		}
		w.wantCalls("both", calls{Sign: 2, Authenticate: 1})
	})
}

// TestTwoOpenAtOnce: each caller that opens has a login of its own, or one that began after it
// came, for each has typed a PIN.
func TestTwoOpenAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		first, second error // of the signatures
		want          calls
	}{
		"the first PIN is wrong":  {pinRefused, nil, calls{Sign: 2, Authenticate: 1}},
		"the second PIN is wrong": {nil, pinRefused, calls{Sign: 2, Authenticate: 1}},
		"both are right":          {nil, nil, calls{Sign: 2, Authenticate: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				w.keeper.Lock()
				goOn := make(chan error)
				w.set(func() { w.sign = func(context.Context, bool, agent.NotifyFunc) error { return <-goOn } })
				got := make([]chan error, 2)
				for i := range got {
					got[i] = make(chan error, 1)
					go func() {
						_, err := w.keeper.Open(t.Context(), nil)
						got[i] <- err
					}()
					synctest.Wait()
				}
				for i, err := range []error{test.first, test.second} {
					goOn <- err
					if got := <-got[i]; got != err {
						t.Errorf("number %d got %v, want %v", i+1, got, err)
					}
				}
				w.token() // the right one has opened it
				w.wantCalls("both", test.want)
			})
		})
	}
}

// TestManyOpenAtOnce: callers that come before a login has begun share it.
func TestManyOpenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		w.keeper.Lock()
		w.set(func() {
			w.sign = func(ctx context.Context, _ bool, _ agent.NotifyFunc) error { return after(time.Second, nil)(ctx) }
		})
		for _, got := range crowd(100, func() (agent.Lease, error) { return w.keeper.Open(t.Context(), nil) }) {
			if got.err != nil {
				t.Fatal(got.err)
			}
		}
		if got := w.took(); got.Sign > 2 || got.Authenticate > 2 {
			t.Errorf("calls of 100 who came at once: %+v, want two logins at most", got)
		}
		w.wantState("opened", agent.StateHealthy)
	})
}

// TestHeld looks at the token and causes nothing.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, nil)
		if lease, ok := w.keeper.Held(); ok {
			t.Errorf("nobody has asked: %+v", lease)
		}
		w.wantCalls("looked", calls{})
		first := w.token()
		if lease, ok := w.keeper.Held(); !ok || lease.Generation != first.Generation {
			t.Errorf("got %+v, %v", lease, ok)
		}
		w.keeper.Lock()
		if lease, ok := w.keeper.Held(); ok {
			t.Errorf("locked: %+v", lease)
		}
	})
}

// TestIdleIsToldWithoutAToken: what a person has typed is forgotten after Idle, whatever
// has become of the token.
func TestIdleIsToldWithoutAToken(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"logged out": func(w *world) { w.token(); w.keeper.Logout(w.t.Context()) },
		"no touch": func(w *world) {
			w.set(func() { w.sign = func(context.Context, bool, agent.NotifyFunc) error { return touchNeeded } })
			w.keeper.Token(w.t.Context(), nil)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := startWorld(t, func(c *agent.KeeperConfig) { c.Idle = time.Hour })
			prepare(w)
			w.told()
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			idle := 0
			for _, event := range w.told() {
				if event.Kind == agent.EventIdle {
					idle++
				}
			}
			if idle != 1 {
				t.Errorf("%s: told %d times, want once", name, idle)
			}
			w.wantState(name, agent.StateIdle)
		})
	}
}

// TestLoginIsOverwritten has logins end in all ways: none is left to be used again.
func TestLoginIsOverwritten(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"exchanged": func(*world) {},
		"refused":   func(w *world) { w.authenticate = always(unreachable) },
		"panic":     func(w *world) { w.authenticate = func(context.Context) error { panic("at the disco") } },
		"not sent": func(w *world) {
			w.sign = func(context.Context, bool, agent.NotifyFunc) error {
				w.keeper.Lock()
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				login := &agent.Login{Message: agent.NewSecret("message"), Signature: agent.NewSecret("signature")}
				w := startWorld(t, func(c *agent.KeeperConfig) {
					sign := c.Sign
					c.Sign = func(ctx context.Context, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
						_, err := sign(ctx, attended, notify)
						return login, err
					}
				})
				w.set(func() { change(w) })
				w.keeper.Token(t.Context(), nil)
				synctest.Wait()
				if text := login.Message.Reveal() + login.Signature.Reveal(); strings.Trim(text, "\x00") != "" {
					t.Errorf("it still holds %q", text)
				}
			})
		})
	}
}
