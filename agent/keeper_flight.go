package agent

import (
	"context"
	"fmt"
	"time"
)

// demand is what a caller wants.
type demand struct {
	notify  NotifyFunc
	refused uint64 // not the token of this generation
	login   bool   // the token of a new login
	insists bool   // also after a failure, for the caller says that it was put right
	opening bool   // and with it the end of a lock
	since   uint64 // opening: of a flight after that number
}

// obtain waits for flights until the demand is met or must fail, here or at the Keeper that has
// taken this one's place.
func (k *Keeper) obtain(ctx context.Context, d demand) (Lease, error) {
	lease, err := k.obtainHere(ctx, d)
	if heir := k.successor(err); heir != nil {
		return heir.obtain(ctx, d)
	}
	return lease, err
}

func (k *Keeper) obtainHere(ctx context.Context, d demand) (Lease, error) {
	d.since = k.begun()
	for {
		if ctx.Err() != nil {
			return Lease{}, context.Cause(ctx)
		}
		f, lease, problem := k.board(d)
		if f == nil {
			return lease, asError(problem)
		}
		if err := f.wait(ctx, d.notify); err != nil {
			return Lease{}, err
		}
		if lease, problem, ok := k.outcome(f, d); ok {
			return lease, asError(problem)
		}
	}
}

// begun returns the number of the last flight.
func (k *Keeper) begun() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.flown
}

// board returns the flight for a demand, or at once what there is to say.
func (k *Keeper) board(d demand) (*flight, Lease, *Problem) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	k.use(now)
	if problem := k.closedTo(d.opening); problem != nil {
		return nil, Lease{}, problem
	}
	if problem := k.revoke(d.refused, now); problem != nil {
		return nil, Lease{}, problem
	}
	if k.held.isLive(now) && !d.login {
		return nil, k.held.lease, nil
	}
	if k.flight == nil {
		if problem := k.trouble.refusal(d.insists, now); problem != nil {
			return nil, Lease{}, problem
		}
		k.launch(d.flight())
	}
	if !k.flight.signed {
		k.flight.attended = true
	}
	return k.flight, Lease{}, nil
}

// closedTo returns why the Keeper is closed to a caller; opening: to one that may undo a lock.
func (k *Keeper) closedTo(opening bool) *Problem {
	if opening && !k.stopped {
		return nil
	}
	return k.closed()
}

// flight returns the flight that meets the demand.
func (d demand) flight() *flight {
	if d.login {
		return &flight{errand: loggingIn, opening: d.opening}
	}
	return &flight{errand: renewing}
}

// revoke drops the token if it is of that generation, for a caller has found it refused; or it
// returns why not. If that caller may not cause a login, one is due in the background.
func (k *Keeper) revoke(generation uint64, now moment) *Problem {
	if !k.held.isOf(generation) {
		return nil
	}
	problem := k.complaints.hear(generation, now)
	if problem == nil {
		k.held.drop()
		k.agenda.next = now
	}
	return problem
}

// outcome returns what a flight has brought for a demand; false: the demand needs another.
func (k *Keeper) outcome(f *flight, d demand) (Lease, *Problem, bool) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if problem := k.closedTo(d.opening); problem != nil {
		return Lease{}, problem, true
	}
	problem := f.problem
	if d.login && f.unreplaced != nil {
		problem = f.unreplaced
	}
	switch {
	case d.opening && f.opening && f.interrupted:
		return Lease{}, f.problem, true
	case f.errand == loggingOut, f.interrupted, d.login && !f.signed, d.opening && (!f.opening || f.number <= d.since):
		return Lease{}, nil, false
	case problem == nil: // another caller may have been faster, and have found it refused
		return k.held.lease, nil, k.held.isLive(now) && k.held.lease.Generation != d.refused
	}
	return Lease{}, problem, !f.lackedPerson(problem)
}

// launch starts a flight; there must be none.
func (k *Keeper) launch(f *flight) {
	f.ctx, f.cancel = context.WithCancelCause(k.ctx)
	f.done = make(chan struct{})
	if f.errand == loggingIn {
		k.trouble.final = nil
	}
	k.flown++
	k.flight, f.number = f, k.flown
	k.flights.Go(func() { k.fly(f) })
}

func (k *Keeper) fly(f *flight) {
	defer f.cancel(nil)
	defer close(f.done)
	switch f.errand {
	case renewing:
		k.land(f, k.renew(f))
	case loggingIn:
		k.land(f, k.login(f))
	case loggingOut:
		k.land(f, k.logout(f))
	}
	k.journal.tell()
}

// land ends a flight with what it came to.
func (k *Keeper) land(f *flight, problem *Problem) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	k.flight, f.problem = nil, problem
	if problem != nil && !f.interrupted && f.errand != loggingOut {
		k.fail(f, now)
	}
}

// exchange makes one call of Exchange, within the limit.
func (k *Keeper) exchange(f *flight, kind EventKind, limit time.Duration, call func(context.Context) (Token, error)) (Token, Event) {
	ctx, cancel := context.WithTimeout(f.ctx, limit)
	defer cancel()
	var token Token
	began := time.Now()
	err := protect(string(kind), func() (err error) {
		token, err = call(ctx)
		return err
	})
	if err == nil && kind != EventLogout {
		err = k.judge(token)
	} else if err != nil && ctx.Err() != nil && !k.isRefused(err) {
		err = &Problem{Code: CodeUnreachable, Message: fmt.Sprintf("Anaplan has not answered within %v: %v", limit, err)}
	}
	event := Event{Kind: kind, Took: time.Since(began), Err: err, Problem: k.explain(f, err)}
	k.mu.Lock()
	defer k.mu.Unlock()
	event.Attended = f.attended
	return token, event
}

// judge refuses a token that nobody can use.
func (k *Keeper) judge(token Token) error {
	switch now := k.clock(); {
	case token.Value.IsZero():
		return Problemf(CodeServerRefused, "Anaplan has given an empty token")
	case !token.Live(now.wall):
		return &Problem{
			Code:    CodeServerRefused,
			Message: fmt.Sprintf("Anaplan has given a token that ended at %v; it is %v here", token.ExpiresAt.UTC(), now.wall.UTC()),
			Hints:   []string{"see that the clock of this machine is right"},
		}
	}
	return nil
}

// keepToken keeps the token that a flight has brought.
func (k *Keeper) keepToken(f *flight, token Token, changed bool, now moment) Lease {
	k.held.take(token, changed, now)
	k.agenda.next = now.add(renewal(k.held.ends.until(now)))
	k.agenda.wanted = !k.agenda.idle
	k.trouble.pass()
	if f.opening {
		k.locked = false
	}
	return k.held.lease
}

func (k *Keeper) isRefused(err error) bool {
	return err != nil && k.config.Refused != nil && k.config.Refused(err)
}

// explain makes a Problem of what Sign or Exchange returned.
func (k *Keeper) explain(f *flight, err error) *Problem {
	if err == nil {
		return nil
	}
	if f.ctx.Err() != nil {
		return ProblemOf(context.Cause(f.ctx))
	}
	switch err.(type) {
	case *Problem, *PanicError:
		return ProblemOf(err)
	}
	if k.config.Explain != nil {
		if problem := k.config.Explain(err); problem != nil {
			return problem
		}
	}
	return ProblemOf(err)
}
