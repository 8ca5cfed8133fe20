package agent_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// tokenLife is how long Anaplan's tokens live.
const tokenLife = 35 * time.Minute

// errRevoked is what the world's Refused knows.
var errRevoked = errors.New("the token is not valid any more")

// Problems as they come from signers and from Anaplan.
var (
	pinRefused  = &agent.Problem{Code: agent.CodePINRefused, Message: "wrong PIN", Human: true, Final: true}
	pinNeeded   = &agent.Problem{Code: agent.CodePINNeeded, Message: "no PIN", Human: true, Attend: true}
	touchNeeded = &agent.Problem{Code: agent.CodeTouchNeeded, Message: "no touch", Human: true, Attend: true}
	noDevice    = &agent.Problem{Code: agent.CodeDeviceAbsent, Message: "no card", Human: true}
	unreachable = &agent.Problem{Code: agent.CodeUnreachable, Message: "503"}
	patience    = &agent.Problem{Code: agent.CodeRateLimited, Message: "429", Wait: 7 * time.Minute}
)

// Bounds of a world, far above what a test needs. One that goes on for ever, or spins at one
// moment, fails there.
const (
	longestLife = 100 * 24 * time.Hour
	mostLooks   = 1_000_000 // at its clock
)

// calls counts what a Keeper has asked of the world.
type calls struct{ Sign, Authenticate, Refresh, Logout int }

// world is a device, an Anaplan, a wall clock and an observer. All its
// functions but those of the test may be called at any time; what is nil works.
type world struct {
	t      *testing.T
	keeper *agent.Keeper

	mu           sync.Mutex
	calls        calls
	sign         func(ctx context.Context, attended bool, notify agent.NotifyFunc) error
	authenticate func(ctx context.Context) error
	refresh      func(ctx context.Context) error
	logout       func(ctx context.Context) error
	life         time.Duration // of a token
	rotate       bool          // a refresh changes the token's value
	values       int           // token values given so far
	refreshed    []time.Time
	events       []agent.Event
	skew         time.Duration // of the wall clock
	looks        int           // how often the clock was read
	born, looked time.Time     // when it began, and when the clock was read last
	atOnce       int           // how often it was read at that moment
	certificate  *x509.Certificate
}

// newWorld returns a world with a Keeper that does not run.
func newWorld(t *testing.T, change func(*agent.KeeperConfig)) *world {
	w := &world{t: t, life: tokenLife, born: time.Now()}
	worlds.worlds.Add(1)
	t.Cleanup(func() { worlds.worlds.Add(-1) })
	config := agent.KeeperConfig{
		Sign: w.signLogin, Exchange: w, Observe: w.observe,
		Refused: func(err error) bool { return errors.Is(err, errRevoked) },
	}
	if change != nil {
		change(&config)
	}
	w.keeper = agent.NewKeeper(config)
	w.keeper.SetWall(w.wall)
	return w
}

// startWorld returns a world with a Keeper that runs until the end of the test.
func startWorld(t *testing.T, change func(*agent.KeeperConfig)) *world {
	w := newWorld(t, change)
	w.run()
	return w
}

// run runs the Keeper until stop or the end of the test.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.keeper.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	w.t.Cleanup(stop)
	synctest.Wait()
	return stop
}

func eager(c *agent.KeeperConfig) { c.Eager = true }

// set changes the world while the Keeper runs.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) wall() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	w.bound(time.Now())
	return time.Now().Add(w.skew)
}

// bound ends the tests if the world goes on for ever. w.mu must be held.
func (w *world) bound(now time.Time) {
	worlds.looks.Add(1)
	if !now.Equal(w.looked) {
		w.looked, w.atOnce = now, 0
	}
	w.atOnce++
	if w.atOnce > mostLooks || now.Sub(w.born) > longestLife {
		panic(fmt.Sprintf("the world goes on for ever: %v old, looked at the clock %d times at once", now.Sub(w.born), w.atOnce))
	}
}

func (w *world) signLogin(ctx context.Context, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
	w.mu.Lock()
	w.calls.Sign++
	sign, certificate := w.sign, w.certificate
	w.mu.Unlock()
	if sign != nil {
		if err := sign(ctx, attended, notify); err != nil {
			return nil, err
		}
	}
	return &agent.Login{Format: agent.V2, Certificate: certificate}, nil
}

func (w *world) Authenticate(ctx context.Context, login *agent.Login) (agent.Token, error) {
	w.mu.Lock()
	w.calls.Authenticate++
	answer := w.authenticate
	w.mu.Unlock()
	return w.newToken(ctx, answer, true)
}

func (w *world) Refresh(ctx context.Context, token agent.Token) (agent.Token, error) {
	w.mu.Lock()
	w.calls.Refresh++
	w.refreshed = append(w.refreshed, time.Now())
	answer, rotate := w.refresh, w.rotate
	w.mu.Unlock()
	return w.newToken(ctx, answer, rotate)
}

func (w *world) Logout(ctx context.Context, token agent.Token) error {
	w.mu.Lock()
	w.calls.Logout++
	answer := w.logout
	w.mu.Unlock()
	if answer != nil {
		return answer(ctx)
	}
	return nil
}

func (w *world) newToken(ctx context.Context, answer func(context.Context) error, changed bool) (agent.Token, error) {
	if answer != nil {
		if err := answer(ctx); err != nil {
			return agent.Token{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if changed {
		w.values++
	}
	now := time.Now().Add(w.skew)
	return agent.Token{Value: agent.NewSecret(fmt.Sprintf("token %d", w.values)), ExpiresAt: now.Add(w.life)}, nil
}

func (w *world) observe(event agent.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
}

// took returns the calls since the last time, or since the start.
func (w *world) took() calls {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.calls
	w.calls = calls{}
	return taken
}

// wantCalls checks the calls since the last time.
func (w *world) wantCalls(when string, want calls) {
	w.t.Helper()
	if got := w.took(); got != want {
		w.t.Errorf("%s: calls %+v, want %+v", when, got, want)
	}
}

// told returns the events so far.
func (w *world) told() []agent.Event {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// renewals returns when the Keeper has called Refresh so far.
func (w *world) renewals() []time.Time {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refreshed)
}

// untilRenewals sleeps, in steps of a second, until Refresh has been called so often.
func (w *world) untilRenewals(n int) {
	for len(w.renewals()) < n {
		time.Sleep(time.Second)
	}
}

// wakes returns how often the Keeper looks at the clock in that time.
func (w *world) wakes(during time.Duration) int {
	w.set(func() { w.looks = 0 })
	time.Sleep(during)
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.looks
}

// token is a Token that must succeed, and be live.
func (w *world) token() agent.Lease {
	w.t.Helper()
	lease, err := w.keeper.Token(context.Background(), nil)
	if err != nil {
		w.t.Errorf("Token: %v", err)
		return agent.Lease{}
	}
	w.wantLive(lease)
	return lease
}

func (w *world) wantLive(lease agent.Lease) {
	w.t.Helper()
	if !lease.Token.Live(w.wall()) || lease.Generation == 0 {
		w.t.Errorf("served generation %d that ends at %v, at %v", lease.Generation, lease.Token.ExpiresAt, w.wall())
	}
}

// wantProblem checks that Token fails with the code, and returns the problem.
func (w *world) wantProblem(when string, code agent.Code) *agent.Problem {
	w.t.Helper()
	_, err := w.keeper.Token(context.Background(), nil)
	return wantCode(w.t, when, err, code)
}

func wantCode(t *testing.T, when string, err error, code agent.Code) *agent.Problem {
	t.Helper()
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != code {
		t.Errorf("%s: error %v, want a problem %s", when, err, code)
		return &agent.Problem{}
	}
	return problem
}

func (w *world) wantState(when string, want agent.State) {
	w.t.Helper()
	synctest.Wait()
	if got := w.keeper.Status().State; got != want {
		w.t.Errorf("%s: state %s, want %s", when, got, want)
	}
}

// answer is what one of many callers got.
type answer struct {
	lease agent.Lease
	err   error
}

// crowd calls from n goroutines at once, and returns what they got once all have.
func crowd(n int, call func() (agent.Lease, error)) []answer {
	answers := make([]answer, n)
	var callers sync.WaitGroup
	for i := range answers {
		callers.Go(func() { answers[i].lease, answers[i].err = call() })
	}
	callers.Wait()
	return answers
}

// after returns an answer that takes a while and then is err.
func after(d time.Duration, err error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func always(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func signing(err error) func(context.Context, bool, agent.NotifyFunc) error {
	return func(context.Context, bool, agent.NotifyFunc) error { return err }
}

// withPerson signs if somebody waits, and otherwise returns the problem.
func withPerson(problem *agent.Problem) func(context.Context, bool, agent.NotifyFunc) error {
	return func(_ context.Context, attended bool, _ agent.NotifyFunc) error {
		if attended {
			return nil
		}
		return problem
	}
}
