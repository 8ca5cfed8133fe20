package agent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// pilot takes flights to their end: it calls Sign and Exchange, and has the profile note in between
// what came of it. The profile's lock is never held while it calls them.
type pilot struct {
	config  KeeperConfig
	profile *profile
	flights sync.WaitGroup
}

// launch starts a flight. There must be none, and the profile's lock must be held.
func (p *pilot) launch(f *flight) {
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	f.done, f.watchers = make(chan struct{}), map[*NotifyFunc]struct{}{}
	if f.errand == loggingIn {
		p.profile.trouble.final = nil
	}
	p.profile.unwatch()
	p.profile.flight = f
	p.flights.Go(func() { p.fly(f) })
}

func (p *pilot) fly(f *flight) {
	defer f.cancel(nil)
	defer close(f.done)
	defer p.profile.journal.tell()
	problem := p.run(f)
	now := p.profile.enter()
	defer p.profile.leave(now)
	p.profile.land(f, problem, now)
}

func (p *pilot) run(f *flight) *Problem {
	switch f.errand {
	case loggingIn:
		return p.login(f)
	case loggingOut:
		return p.logout(f)
	}
	return p.renew(f)
}

// renew brings a token without a signature if that can be, and otherwise with one.
func (p *pilot) renew(f *flight) *Problem {
	if p.isForeign() && p.replace(f) {
		return nil
	}
	token, limit := p.renewable()
	if token.Value.IsZero() {
		return p.login(f)
	}
	problem, lives := p.refresh(f, token, limit)
	switch {
	case problem == nil:
		return nil
	case !lives:
		return p.login(f)
	case p.isLoginDue(f, problem) && p.replace(f):
		return nil
	}
	return problem
}

// isForeign reports whether the token is to be replaced by one of the Keeper's own, where it would
// be refreshed otherwise.
func (p *pilot) isForeign() bool {
	now := p.profile.enter()
	defer p.profile.mu.Unlock()
	return p.profile.held.foreign && p.profile.held.isLive(now) && p.profile.maySign()
}

// renewable returns the token to refresh, if there is one, and how long that may take.
func (p *pilot) renewable() (Token, time.Duration) {
	now := p.profile.enter()
	defer p.profile.mu.Unlock()
	held := &p.profile.held
	if !held.isRenewable(now) {
		return Token{}, 0
	}
	return held.lease.Token, held.forRefresh(p.config.Timeout, now)
}

// isLoginDue reports whether a login is to be tried while the token lives, because it cannot
// be refreshed for that reason: once if something refuses that, and before the end of the
// token whatever it is. In between only refreshes are tried, which cost nobody a signature.
func (p *pilot) isLoginDue(f *flight, problem *Problem) bool {
	now := p.profile.enter()
	defer p.profile.leave(now)
	held := &p.profile.held
	if f.signed || p.profile.agenda.idle || !p.profile.maySign() {
		return false
	}
	first := isRefusal(problem) && !held.relogged
	if !first && held.lastCall.until(now) > 0 {
		return false
	}
	held.relogged = held.relogged || first
	p.profile.trouble.problem = problem // which is seen while the login takes its time
	return true
}

// replace logs in while there is a token, and reports whether that went well. If not, the
// token that there is must do, and to refresh it goes on.
func (p *pilot) replace(f *flight) bool {
	problem := p.login(f)
	if problem == nil {
		return true
	}
	now := p.profile.enter()
	defer p.profile.mu.Unlock()
	f.unreplaced = problem
	switch {
	case f.interrupted != nil:
	case problem.Final:
		p.profile.trouble.final = problem
	case problem.Attend:
		p.profile.held.foreign = false
	case !isOfDevice(problem): // a refresh needs none
		f.unreplaced = p.profile.trouble.heed(problem, &p.profile.held, now)
	}
	return false
}

// refresh extends the token's life, and reports whether there still is a token to hand out. One
// that Anaplan says is not valid is dropped.
func (p *pilot) refresh(f *flight, token Token, limit time.Duration) (problem *Problem, lives bool) {
	fresh, event := p.exchange(f, EventRefresh, limit, func(ctx context.Context) (Token, error) {
		return p.config.Exchange.Refresh(ctx, token)
	})
	changed := !fresh.Value.Equal(token.Value)
	if changed {
		fresh.Value = fresh.Value.lock(p.config.Memory)
	} else {
		fresh.Value = token.Value
	}
	now := p.profile.enter()
	defer p.profile.leave(now)
	held := &p.profile.held
	if event.Problem == nil && !changed && held.lease.Generation == p.profile.complaints.refused {
		event.Problem = Problemf(CodeServerRefused, "Anaplan renews a token that it refuses otherwise")
	}
	if event.Problem == nil {
		event.Lease = p.profile.keep(f, fresh, changed, now)
	}
	if p.isRefused(event.Err) {
		held.drop()
	}
	return p.report(f, event), held.isLive(now)
}

// login brings a token for a new signature.
func (p *pilot) login(f *flight) *Problem {
	if problem := p.startSigning(f); problem != nil {
		return problem
	}
	login, problem := p.sign(f)
	if problem != nil {
		return problem
	}
	defer login.Clear() // whatever comes of it: it is not sent again
	token, event := p.exchange(f, EventLogin, p.config.Timeout, func(ctx context.Context) (Token, error) {
		return p.config.Exchange.Authenticate(ctx, login)
	})
	token.Value = token.Value.lock(p.config.Memory)
	now := p.profile.enter()
	defer p.profile.leave(now)
	if event.Problem == nil {
		event.Lease = p.profile.keep(f, token, true, now)
		p.profile.held.foreign = false
	}
	return p.report(f, event)
}

// startSigning returns why there must be no signature.
func (p *pilot) startSigning(f *flight) *Problem {
	p.profile.mu.Lock()
	defer p.profile.mu.Unlock()
	if problem := p.profile.closedTo(f.opening); problem != nil {
		f.interrupted = problem
		return problem
	}
	if final := p.profile.trouble.final; final != nil {
		return final
	}
	f.signing, f.signed = true, true
	return nil
}

// sign makes a login. One that comes when the flight has been interrupted is thrown away.
func (p *pilot) sign(f *flight) (*Login, *Problem) {
	var login *Login
	began := time.Now()
	err := protect("signing", func() (err error) {
		login, err = p.config.Sign(f.ctx, f.attended, f.tell)
		return err
	})
	if err == nil && login == nil {
		err = Problemf(CodeInternal, "signing brought no login")
	}
	event := Event{Kind: EventSign, Took: time.Since(began), Err: err, Problem: p.explain(f.ctx, err)}
	f.hush()

	p.profile.mu.Lock()
	defer p.profile.mu.Unlock()
	f.signing = false
	if f.interrupted != nil {
		event.Problem = f.interrupted
	}
	if event.Problem == nil {
		event.Certificate = login.Certificate
		p.profile.certificate = certificateStatus(login.Certificate)
	} else if login != nil {
		login.Clear()
	}
	return login, p.report(f, event)
}

// logout ends the tokens that are to end. One that it cannot end stays for the next logout: it
// lives on at Anaplan. It returns the first problem.
func (p *pilot) logout(f *flight) (first *Problem) {
	for _, left := range f.ending {
		first = cmp.Or(first, p.endToken(f, left.lease))
	}
	return first
}

// endToken ends one token. One that was not valid any more counts as ended.
func (p *pilot) endToken(f *flight, lease Lease) *Problem {
	_, event := p.exchange(f, EventLogout, p.config.Timeout, func(ctx context.Context) (Token, error) {
		return Token{}, p.config.Exchange.Logout(ctx, lease.Token)
	})
	if p.isRefused(event.Err) {
		event.Problem, event.Err = nil, nil
	}
	p.profile.mu.Lock()
	defer p.profile.mu.Unlock()
	if event.Problem == nil {
		p.profile.logouts = slices.DeleteFunc(p.profile.logouts, func(left holding) bool { return left.isOf(lease.Generation) })
	}
	return p.report(f, event)
}

// exchange makes one call of Exchange, within the limit.
func (p *pilot) exchange(f *flight, kind EventKind, limit time.Duration, call func(context.Context) (Token, error)) (Token, Event) {
	ctx, cancel := context.WithTimeout(f.ctx, limit)
	defer cancel()
	var token Token
	began := time.Now()
	err := protect(string(kind), func() (err error) {
		token, err = call(ctx)
		return err
	})
	if err == nil && kind != EventLogout {
		err = judge(token, p.profile.wall())
	} else if err != nil && ctx.Err() != nil && !p.isRefused(err) {
		err = &Problem{Code: CodeUnreachable, Message: fmt.Sprintf("Anaplan has not answered within %v: %v", limit, err)}
	}
	return token, Event{Kind: kind, Took: time.Since(began), Err: err, Problem: p.explain(f.ctx, err)}
}

// judge refuses a token that nobody can use.
func judge(token Token, now time.Time) error {
	switch {
	case token.Value.IsZero():
		return Problemf(CodeServerRefused, "Anaplan has given an empty token")
	case !token.Live(now):
		return &Problem{
			Code:    CodeServerRefused,
			Message: fmt.Sprintf("Anaplan has given a token that ended at %v; it is %v here", token.ExpiresAt.UTC(), now.UTC()),
			Hints:   []string{"see that the clock of this machine is right"},
		}
	}
	return nil
}

func (p *pilot) isRefused(err error) bool {
	return err != nil && p.config.Refused != nil && p.config.Refused(err)
}

// explain makes a Problem of what Sign, Exchange or Look returned in a context.
func (p *pilot) explain(ctx context.Context, err error) *Problem {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ProblemOf(context.Cause(ctx))
	}
	switch err.(type) {
	case *Problem, *PanicError:
		return ProblemOf(err)
	}
	return cmp.Or(p.config.Explain(err), ProblemOf(err))
}

// report notes what a flight did, and returns the problem. The profile's lock must be held.
func (p *pilot) report(f *flight, event Event) *Problem {
	event.Attended = f.attended
	p.profile.journal.add(event)
	return event.Problem
}
