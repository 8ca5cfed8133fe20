package agent

import (
	"context"
	"time"
)

// fail notes the failure of a flight, and when to try again: by itself, and for a caller.
func (k *Keeper) fail(f *flight, now moment) {
	f.problem = k.trouble.heed(f.problem, &k.held, now)
	k.trouble.fail(f.problem, f.lackedPerson(f.problem), now)
	if f.errand != loggingIn || !k.held.isLive(now) { // else the token is renewed as planned
		k.agenda.next = k.trouble.retryAt(&k.held, now)
	}
	if k.agenda.idle {
		k.trouble.setAside()
	}
}

// renew brings a token without a signature if that can be, and otherwise with one.
func (k *Keeper) renew(f *flight) *Problem {
	if k.isForeign() && k.replace(f) {
		return nil
	}
	token, limit := k.renewable()
	if token.Value.IsZero() {
		return k.login(f)
	}
	problem := k.refresh(f, token, limit)
	switch {
	case problem == nil:
		return nil
	case !k.lives():
		return k.login(f)
	case k.isLoginDue(f, problem) && k.replace(f):
		return nil
	}
	return problem
}

// renewable returns the token to refresh, if there is one, and how long that may take.
func (k *Keeper) renewable() (Token, time.Duration) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.held.isRenewable(now) {
		return Token{}, 0
	}
	return k.held.lease.Token, k.held.forRefresh(k.config.Timeout, now)
}

// lives reports whether there is still a token to hand out.
func (k *Keeper) lives() bool {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held.isLive(now)
}

// isLoginDue reports whether a login is to be tried while the token lives, because it cannot
// be refreshed for that reason: once if something refuses that, and before the end of the
// token whatever it is. In between only refreshes are tried, which cost nobody a signature.
func (k *Keeper) isLoginDue(f *flight, problem *Problem) bool {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.signed || k.locked || k.agenda.idle || k.trouble.final != nil {
		return false
	}
	first := isRefusal(problem) && !k.held.relogged
	if !first && k.held.lastCall.until(now) > 0 {
		return false
	}
	k.held.relogged = k.held.relogged || first
	k.trouble.problem = problem // which is seen while the login takes its time
	k.note(now)
	return true
}

// replace logs in while there is a token, and reports whether that went well. If not, the
// token that there is must do, and to refresh it goes on.
func (k *Keeper) replace(f *flight) bool {
	problem := k.login(f)
	if problem == nil {
		return true
	}
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	f.unreplaced = problem
	switch {
	case f.interrupted:
	case problem.Final:
		k.trouble.final = problem
	case problem.Attend:
		k.held.foreign = false
	case !isOfDevice(problem): // a refresh needs none
		f.unreplaced = k.trouble.heed(problem, &k.held, now)
	}
	return false
}

// refresh extends the token's life. A token that Anaplan says is not valid is dropped.
func (k *Keeper) refresh(f *flight, token Token, limit time.Duration) *Problem {
	fresh, event := k.exchange(f, EventRefresh, limit, func(ctx context.Context) (Token, error) {
		return k.config.Exchange.Refresh(ctx, token)
	})
	changed := !fresh.Value.Equal(token.Value)
	if changed {
		fresh.Value = fresh.Value.lock(k.config.Memory)
	} else {
		fresh.Value = token.Value
	}
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	if event.Problem == nil && !changed && k.complaints.refused == k.held.lease.Generation {
		event.Problem = Problemf(CodeServerRefused, "Anaplan renews a token that it refuses otherwise")
	}
	if event.Problem == nil {
		event.Lease = k.keepToken(f, fresh, changed, now)
	}
	if k.isRefused(event.Err) {
		k.held.drop()
	}
	k.journal.add(event)
	return event.Problem
}

// login brings a token for a new signature.
func (k *Keeper) login(f *flight) *Problem {
	attended, problem := k.startSigning(f)
	if problem != nil {
		return problem
	}
	login, problem := k.sign(f, attended)
	if problem != nil {
		return problem
	}
	defer login.Clear() // whatever comes of it: it is not sent again
	token, event := k.exchange(f, EventLogin, k.config.Timeout, func(ctx context.Context) (Token, error) {
		return k.config.Exchange.Authenticate(ctx, login)
	})
	token.Value = token.Value.lock(k.config.Memory)
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	if event.Problem == nil {
		event.Lease = k.keepToken(f, token, true, now)
		k.held.foreign = false
	}
	k.journal.add(event)
	return event.Problem
}

// startSigning reports whether a person may be asked, or why there must be no signature.
func (k *Keeper) startSigning(f *flight) (attended bool, problem *Problem) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if problem := k.closedTo(f.opening); problem != nil {
		f.interrupted = true
		return false, problem
	}
	if k.trouble.final != nil {
		return false, k.trouble.final
	}
	f.signing, f.signed = true, true
	return f.attended, nil
}

// sign makes a login. One that comes when the flight has been interrupted is thrown away.
func (k *Keeper) sign(f *flight, attended bool) (*Login, *Problem) {
	var login *Login
	began := time.Now()
	err := protect("signing", func() (err error) {
		login, err = k.config.Sign(f.ctx, attended, f.tell)
		return err
	})
	if err == nil && login == nil {
		err = Problemf(CodeInternal, "signing brought no login")
	}
	event := Event{Kind: EventSign, Took: time.Since(began), Err: err, Attended: attended}
	f.hush()

	problem := k.explain(f, err)
	k.mu.Lock()
	defer k.mu.Unlock()
	f.signing = false
	if f.interrupted {
		problem = ProblemOf(context.Cause(f.ctx))
	}
	if event.Problem = problem; problem == nil {
		event.Certificate = login.Certificate
		k.certificate = certificateStatus(login.Certificate)
	} else if login != nil {
		login.Clear()
	}
	k.journal.add(event)
	return login, problem
}
