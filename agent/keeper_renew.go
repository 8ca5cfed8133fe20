package agent

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// fail notes a failure, and when to try again: by itself, and for a caller.
func (k *Keeper) fail(f *flight, now moment) {
	problem := k.heed(f.problem, now)
	f.problem = problem
	k.problem = problem
	k.failures++
	k.demandAt = now.add(demandGap(problem, k.failures))
	k.unattended = f.lackedPerson(problem)
	if problem.Final {
		k.final = problem
	}
	if k.idle {
		k.problem = k.final // nobody has asked for what went wrong
	}
	if f.errand == loggingIn && k.held.isLive(now) {
		return // the token is renewed as planned
	}
	k.renewAt = k.retryAt(problem, now)
}

// heed notes what a problem asks for in patience. It returns the problem with what it gets:
// Anaplan no more than maxPatience, and not past the moment when a login is due if the
// token that lives is not to end without another.
func (k *Keeper) heed(problem *Problem, now moment) *Problem {
	wait := problem.Wait
	if !isOfDevice(problem) {
		wait = k.held.beforeLastCall(min(wait, maxPatience), now)
	}
	if wait < problem.Wait {
		told := *problem
		told.Wait = wait
		problem = &told
	}
	if wait > 0 {
		k.wait, k.waitUntil = problem, now.mono.Add(wait)
	}
	return problem
}

// retryAt returns when to try again in the background; zero: not before a caller.
func (k *Keeper) retryAt(problem *Problem, now moment) moment {
	limit := maxLoginRetry
	switch {
	case k.held.isLive(now):
		limit = maxRefreshRetry
	case needsPerson(problem):
		return moment{}
	case (isOfDevice(problem) || problem.Code == CodeSignerFailed) && k.failures <= deviceRetries:
		limit = maxDeviceRetry
	}
	if problem.Final {
		return moment{}
	}
	if problem.Wait > 0 && isOfDevice(problem) {
		return now.add(problem.Wait + backoff.Jitter(deviceJitter)) // it has counted how often it was tried
	}
	next := max(problem.Wait+backoff.Jitter(firstRetry), backoff.Delay(firstRetry, limit, k.failures))
	return now.add(k.held.beforeLastCall(next, now))
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
	if f.signed || k.locked || k.idle || k.final != nil {
		return false
	}
	first := isRefusal(problem) && !k.held.relogged
	if !first && k.held.lastCall.until(now) > 0 {
		return false
	}
	k.held.relogged = k.held.relogged || first
	k.problem = problem // which is seen while the login takes its time
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
		k.final = problem
	case needsPerson(problem):
		k.held.foreign = false
	case !isOfDevice(problem): // a refresh needs none
		f.unreplaced = k.heed(problem, now)
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
	if k.final != nil {
		return false, k.final
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
