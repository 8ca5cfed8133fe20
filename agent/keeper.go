package agent

import (
	"cmp"
	"context"
	"sync/atomic"
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

	// Explain makes a Problem of an error of Sign or Exchange that is not one. nil, or where it
	// returns nil: ProblemOf.
	Explain func(error) *Problem

	// Look reports whether what Exchange calls can be reached, without anything that costs a
	// signature: nil if it answers, and not with a failure. After an attempt that failed of that, or
	// was refused, it is called about once a second; once it returns nil after an error, the next
	// attempt is made at once. nil: attempts are made in their steps.
	Look func(ctx context.Context) error

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
	profile profile
	pilot   pilot
	heir    *Keeper // has taken this one's place; nil: none has. The profile's lock guards it
	started atomic.Bool
}

// NewKeeper returns a Keeper that renews nothing before Run.
func NewKeeper(config KeeperConfig) *Keeper {
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	config.Memory = cmp.Or(config.Memory, new(locked.Memory))
	if config.Explain == nil {
		config.Explain = ProblemOf
	}
	k := &Keeper{profile: profile{wall: time.Now, wake: make(chan struct{}, 1), state: StateIdle, looks: config.Look != nil}}
	k.profile.journal = journal{observe: config.Observe, telling: make(chan struct{}, 1)}
	k.profile.held.lease.Generation = config.Generation
	k.profile.agenda = agenda{eager: config.Eager, wanted: config.Eager, rests: cmp.Or(config.Idle, 12*time.Hour)}
	if config.Eager {
		k.profile.agenda.next = k.profile.clock()
	}
	k.pilot = pilot{config: config, profile: &k.profile}
	return k
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
	return k.obtain(ctx, demand{notify: notify, errand: loggingIn, insists: true})
}

// TryLogin is Login for a caller that may not say that something was put right. It signs where
// Token would if there were no token: after a final problem it returns that, and after
// another failure it waits as long as Token does before it tries again.
func (k *Keeper) TryLogin(ctx context.Context, notify NotifyFunc) (Lease, error) {
	return k.obtain(ctx, demand{notify: notify, errand: loggingIn})
}

// Open is Login for a caller that undoes Lock. What is locked stays so for everybody until the
// login has succeeded. A login that began before does not count as its own: the caller may have
// changed what that depends on, as the PIN.
func (k *Keeper) Open(ctx context.Context, notify NotifyFunc) (Lease, error) {
	return k.obtain(ctx, demand{notify: notify, errand: loggingIn, insists: true, opening: true})
}

// Held returns the token if this very Keeper has a live one that may be handed out. It causes
// nothing, and does not count as a use of the profile.
func (k *Keeper) Held() (Lease, bool) {
	now := k.profile.enter()
	defer k.profile.mu.Unlock()
	return k.profile.ready(now)
}

// Logout waits for what is under way, then ends the token at Anaplan. It is handed out to
// nobody any more, also if that fails; then the next Logout tries again to end it, together
// with the token that there is by then. The next caller causes a new login. After Run it
// can no longer end anything.
func (k *Keeper) Logout(ctx context.Context) error {
	for {
		f, problem := k.boardLogout()
		if f == nil {
			return asError(problem)
		}
		if err := f.wait(ctx, nil); err != nil {
			return err
		}
		if f.errand == loggingOut && f.interrupted == nil {
			return asError(f.problem)
		}
	}
}

// Lock hands out nothing and signs nothing until Unlock. A token that lives is renewed on.
func (k *Keeper) Lock() {
	k, now := k.enter()
	defer k.profile.leave(now)
	k.profile.locked = true
	if f := k.profile.flight; f != nil && f.signing {
		f.interrupt(lockedProblem())
	}
}

// Unlock undoes Lock, and lets a caller try again at once, also after a final problem.
// What Anaplan has asked for in patience stays; Login and Open pass it.
func (k *Keeper) Unlock() {
	k, now := k.enter()
	defer k.profile.leave(now)
	k.profile.locked = false
	k.profile.forgive(now, backoff.Delay(firstRetry, maxLoginRetry, 1)) // the person's command comes first: it can ask for a touch
}

// Reconsider lets the Keeper try again, by itself and for a caller, also after a final
// problem: what that was about may have been put right. A lock stays.
func (k *Keeper) Reconsider() {
	k, now := k.enter()
	defer k.profile.leave(now)
	k.profile.forgive(now, 0)
	if !k.profile.agenda.wanted {
		k.profile.trouble.problem = nil // it need not be so any more, and nobody waits to see
	}
}

// Status returns how it goes.
func (k *Keeper) Status() Status {
	k, now := k.enter()
	defer k.profile.mu.Unlock()
	return k.profile.status(now)
}
