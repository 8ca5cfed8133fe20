package agent

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
)

// Lease is a token as it is handed out.
type Lease struct {
	// Token is the holder's for as long as that keeps it, whatever becomes of the
	// Keeper's. Its value is in locked memory, which is overwritten when nobody has it.
	Token Token

	// Generation counts the tokens of a Keeper, from 1. A caller that finds a token refused says by
	// it which one, without showing the token again.
	Generation uint64
}

// Exchange makes tokens of logins. It is agent/anaplan's Client.
type Exchange interface {
	Authenticate(ctx context.Context, login *Login) (Token, error)
	Refresh(ctx context.Context, token Token) (Token, error)
	Logout(ctx context.Context, token Token) error
}

// KeeperConfig says how a Keeper gets its tokens.
type KeeperConfig struct {
	// Sign makes a login. attended: a caller waits, so a person may be asked to touch or
	// type something; otherwise it must return a Problem instead of asking. ctx governs all of it.
	// The login is the Keeper's, which overwrites its secrets once it has been exchanged.
	Sign func(ctx context.Context, attended bool, notify NotifyFunc) (*Login, error)

	Exchange Exchange

	// Refused reports whether an error of Exchange.Refresh or Logout is Anaplan's own word
	// that the token is not valid any more: it is handed out to nobody then. A token whose
	// refresh is refused otherwise (by a Problem of CodeServerRefused or CodeLoginRefused)
	// may be good until its end; that leads to one login. nil: no error is Anaplan's word.
	Refused func(error) bool

	// Explain makes a Problem of an error of Sign or Exchange that is not one. nil: ProblemOf.
	Explain func(error) *Problem

	// Eager: there is a token from Run on, and always, without a caller.
	Eager bool

	// Idle is how long a token is kept alive that nobody asks for. 0: 12 hours.
	Idle time.Duration

	// Generation is the one before that of the first token. For generations that no earlier Keeper
	// of the profile has had, take the time. 0: the first token is number 1.
	Generation uint64

	// Timeout bounds one call of Exchange: Sign bounds itself, for it waits for persons.
	// 0: 60 seconds.
	Timeout time.Duration

	// Memory is where tokens are kept, for Keepers that share it: a page has room for
	// several. nil: some of the Keeper's own.
	Memory *locked.Memory

	// Observe is told what the Keeper does, in order, one event at a time, and of a flight before
	// the callers that wait for it have their answer; so it must not block for long. It may call
	// the Keeper, but not wait for a new token. nil: nobody is told.
	Observe func(Event)
}

// Keeper keeps the token of one profile alive. All its methods may be called at the same
// time, and before Run: what is under way then is waited for by Run.
//
// At most one thing is under way at a time, a flight; all callers that need its result
// wait for it. It does not end with its callers, but with Run.
type Keeper struct {
	config KeeperConfig
	now    func() time.Time // the wall clock; tests let it jump

	ctx     context.Context // of all flights; ends with Run
	end     context.CancelCauseFunc
	flights sync.WaitGroup
	wake    chan struct{} // wakes Run to look again
	journal *journal

	mu      sync.Mutex // guards what follows; never held while other people's code runs
	started bool
	stopped bool
	locked  bool
	flight  *flight // nil: nothing is under way
	flown   uint64  // flights so far
	state   State   // as last told

	held    holding
	logouts []holding // tokens that a logout is to end, and has not yet

	complaints complaints

	agenda      agenda
	trouble     trouble
	certificate *CertificateStatus

	heir *Keeper // has taken this one's place; nil: none has
}

// NewKeeper returns a Keeper that renews nothing before Run.
func NewKeeper(config KeeperConfig) *Keeper {
	config.Idle = cmp.Or(config.Idle, 12*time.Hour)
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	if config.Memory == nil {
		config.Memory = new(locked.Memory)
	}
	ctx, end := context.WithCancelCause(context.Background())
	return &Keeper{
		config: config, now: time.Now, ctx: ctx, end: end,
		wake: make(chan struct{}, 1), journal: newJournal(config.Observe),
		state: StateIdle, agenda: agenda{eager: config.Eager, rests: config.Idle, wanted: config.Eager}, held: holding{lease: Lease{Generation: config.Generation}},
	}
}

// Token returns a live token: at once while there is one, otherwise when the flight
// brings it. notify is told what a person should know meanwhile, and nothing after Token
// has returned. ctx governs the wait, not the flight. The error is a *Problem, or the
// cause of the end of ctx.
func (k *Keeper) Token(ctx context.Context, notify NotifyFunc) (Lease, error) {
	if lease, ok := k.ready(); ok {
		return lease, nil
	}
	return k.obtain(ctx, demand{notify: notify})
}

// Replace is Token for a caller that found the token of that generation refused: if that is still
// the present one, nobody gets it any more. A caller that finds one after the other refused is not
// believed every time: each costs a signature.
func (k *Keeper) Replace(ctx context.Context, generation uint64, notify NotifyFunc) (Lease, error) {
	return k.obtain(ctx, demand{notify: notify, refused: generation})
}

// Login makes a new login now, also after a final problem and while Anaplan has asked for
// patience, and returns its token; if one is under way, that. The token before is not ended,
// for others may use it.
func (k *Keeper) Login(ctx context.Context, notify NotifyFunc) (Lease, error) {
	return k.obtain(ctx, demand{notify: notify, login: true, insists: true})
}

// TryLogin is Login for a caller that may not say that something was put right. It signs where
// Token would if there were no token: after a final problem it returns that, and after
// another failure it waits as long as Token does before it tries again.
func (k *Keeper) TryLogin(ctx context.Context, notify NotifyFunc) (Lease, error) {
	return k.obtain(ctx, demand{notify: notify, login: true})
}

// Open is Login for a caller that undoes Lock. What is locked stays so for everybody until the
// login has succeeded. A login that began before does not count as its own: the caller may have
// changed what that depends on, as the PIN.
func (k *Keeper) Open(ctx context.Context, notify NotifyFunc) (Lease, error) {
	return k.obtain(ctx, demand{notify: notify, login: true, insists: true, opening: true})
}

// Held returns the token if there is a live one that may be handed out. It causes nothing, and does
// not count as a use of the profile.
func (k *Keeper) Held() (Lease, bool) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed() != nil || !k.held.isLive(now) {
		return Lease{}, false
	}
	return k.held.lease, true
}

// Logout waits for what is under way, then ends the token at Anaplan. It is handed out to
// nobody any more, also if that fails; then the next Logout tries again to end it, together
// with the token that there is by then. The next caller causes a new login. After Run it
// can no longer end anything.
func (k *Keeper) Logout(ctx context.Context) error {
	for {
		f, problem := k.boardLogout()
		if heir := k.successor(asError(problem)); heir != nil {
			return heir.Logout(ctx)
		}
		if f == nil {
			return asError(problem)
		}
		if err := f.wait(ctx, nil); err != nil {
			return err
		}
		if f.errand == loggingOut {
			return asError(f.problem)
		}
	}
}

// Lock hands out nothing and signs nothing until Unlock. A token that lives is renewed on.
func (k *Keeper) Lock() {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	if k.heir != nil {
		k.heir.Lock()
		return
	}
	k.locked = true
	if k.flight != nil && k.flight.signing {
		k.flight.interrupt(lockedProblem())
	}
}

// Unlock undoes Lock, and lets a caller try again at once, also after a final problem.
// What Anaplan has asked for in patience stays; Login and Open pass it.
func (k *Keeper) Unlock() {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	if k.heir != nil {
		k.heir.Unlock()
		return
	}
	k.locked = false
	k.forgive(now, backoff.Delay(firstRetry, maxLoginRetry, 1)) // the person's command comes first: it can ask for a touch
}

// Reconsider lets the Keeper try again, by itself and for a caller, also after a final
// problem: what that was about may have been put right. A lock stays.
func (k *Keeper) Reconsider() {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	if k.heir != nil {
		k.heir.Reconsider()
		return
	}
	k.forgive(now, 0)
	if !k.agenda.wanted {
		k.trouble.problem = nil // it need not be so any more, and nobody waits to see
	}
}

// forgive forgets failures, so that a caller may cause an attempt at once. Where a token is
// wanted and missing the Keeper makes one by itself, after the delay.
func (k *Keeper) forgive(now moment, delay time.Duration) {
	k.trouble.forgive()
	if k.agenda.wanted && !k.isWell(now) {
		k.agenda.next = now.add(delay)
	}
}

// Status returns how it goes.
func (k *Keeper) Status() Status {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.heir != nil {
		return k.heir.Status()
	}
	status := Status{State: k.stateAt(now), Problem: k.trouble.problem, UsedAt: k.agenda.usedAt.wall, Certificate: k.certificate}
	if wait := k.trouble.waitIn(now); wait > 0 {
		status.WaitUntil = now.wall.Add(wait)
	}
	if k.held.isLive(now) {
		status.Generation, status.ExpiresAt = k.held.lease.Generation, k.held.lease.Token.ExpiresAt
	}
	if k.isTrying(now) {
		status.RenewAt = now.wall.Add(k.dueIn(now))
	}
	return status
}

// ready returns the token if it can be had at once. It is what tens of thousands of calls
// a second go through.
func (k *Keeper) ready() (Lease, bool) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.use(now)
	if k.closed() != nil || !k.held.isLive(now) {
		return Lease{}, false
	}
	return k.held.lease, true
}

// use notes that a caller has asked.
func (k *Keeper) use(now moment) {
	if k.agenda.use(k.held.isRenewable(now), now) {
		k.settle(now)
	}
}

// closed returns why nothing is handed out, whatever there is.
func (k *Keeper) closed() *Problem {
	switch {
	case k.stopped:
		return stoppingProblem()
	case k.locked:
		return lockedProblem()
	}
	return nil
}

func (k *Keeper) isWell(now moment) bool { return k.trouble.problem == nil && k.held.isLive(now) }

// stateAt returns the state. While a flight may bring the missing token, the one before stands: a
// token that is replaced does not change it.
func (k *Keeper) stateAt(now moment) State {
	switch {
	case k.locked:
		return StateLocked
	case k.agenda.idle && k.trouble.problem == nil:
		return StateIdle
	case k.isWell(now):
		return StateHealthy
	case k.held.isLive(now):
		return StateDegraded
	case k.trouble.problem != nil:
		return StateDown
	case k.flight != nil && k.flight.errand != loggingOut:
		return k.state
	}
	return StateIdle
}

// note reports the state if it is a new one. That of a Keeper with an heir is the heir's.
func (k *Keeper) note(now moment) {
	if k.heir != nil {
		return
	}
	if state := k.stateAt(now); state != k.state {
		k.state = state
		k.journal.add(Event{Kind: EventState, State: state})
	}
}

// settle ends a change: it notes the state, and has Run look at what is due.
func (k *Keeper) settle(now moment) {
	k.note(now)
	select {
	case k.wake <- struct{}{}:
	default: // it will look anyway
	}
}
