package agent

import (
	"slices"
	"sync"
	"time"
)

// profile is what a Keeper knows of its profile, and what follows from that. It waits for nothing
// and calls nobody else's code, so that its lock is never held for long.
//
// mu guards what is below it, with all of its parts; the fields of a flight that say so; and which
// Keeper has taken the place of this one. All methods but clock and enter are for who holds it.
// The lock of the journal may be taken meanwhile, and that of a flight is not. Of two
// profiles the one that is replaced is locked first.
type profile struct {
	wall    func() time.Time // the wall clock; tests let it jump
	wake    chan struct{}    // wakes Run to look again
	journal journal
	looks   bool // KeeperConfig.Look is there

	mu          sync.Mutex
	stopped     bool
	locked      bool
	state       State   // as last told
	flight      *flight // nil: nothing is under way
	held        holding
	trouble     trouble
	agenda      agenda
	outlook     *outlook // nil: nothing is looked for
	complaints  complaints
	logouts     []holding // tokens that a logout is to end, and has not yet
	certificate *CertificateStatus
}

func (p *profile) clock() moment {
	return moment{wall: p.wall().Round(0), mono: time.Now()}
}

// enter locks the profile, and returns the present moment.
func (p *profile) enter() moment {
	now := p.clock()
	p.mu.Lock()
	return now
}

// leave ends a change, and unlocks.
func (p *profile) leave(now moment) {
	p.settle(now)
	p.mu.Unlock()
}

// settle notes the state after a change, and has Run look at what is due.
func (p *profile) settle(now moment) {
	p.note(now)
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// note reports the state if it is a new one. That of a Keeper at its end is not its own any more.
func (p *profile) note(now moment) {
	if state := p.stateAt(now); state != p.state && !p.stopped {
		p.state = state
		p.journal.add(Event{Kind: EventState, State: state})
	}
}

// stateAt returns the state. While a flight may bring the missing token, the one before stands: a
// token that is replaced does not change it.
func (p *profile) stateAt(now moment) State {
	switch {
	case p.locked:
		return StateLocked
	case p.agenda.idle && p.trouble.problem == nil:
		return StateIdle
	case p.isWell(now):
		return StateHealthy
	case p.held.isLive(now):
		return StateDegraded
	case p.trouble.problem != nil:
		return StateDown
	case p.flight != nil && p.flight.errand != loggingOut:
		return p.state
	}
	return StateIdle
}

func (p *profile) isWell(now moment) bool { return p.trouble.problem == nil && p.held.isLive(now) }

func (p *profile) status(now moment) Status {
	status := Status{
		State: p.stateAt(now), Problem: p.trouble.problem, UsedAt: p.agenda.usedAt.wall, Certificate: p.certificate,
	}
	if wait := p.trouble.waitIn(now); wait > 0 {
		status.WaitUntil = now.wall.Add(wait)
	}
	if p.held.isLive(now) {
		status.Generation, status.ExpiresAt = p.held.lease.Generation, p.held.lease.Token.ExpiresAt
	}
	if due := p.dueIn(now); due != never {
		status.RenewAt = now.wall.Add(due)
	}
	return status
}

// closedTo returns why nothing is handed out, whatever there is; opening: to a caller that may undo
// a lock.
func (p *profile) closedTo(opening bool) *Problem {
	switch {
	case p.stopped:
		return stoppingProblem()
	case p.locked && !opening:
		return lockedProblem()
	}
	return nil
}

func (p *profile) ready(now moment) (Lease, bool) {
	if p.closedTo(false) != nil || !p.held.isLive(now) {
		return Lease{}, false
	}
	return p.held.lease, true
}

// answer returns what there is to say to a demand; false: a flight must be waited for first.
func (p *profile) answer(d *demand, now moment) (Lease, *Problem, bool) {
	if d.landed == nil {
		p.agenda.use(p.held.isRenewable(now), now)
		d.before = p.flight
	}
	if problem := p.closedTo(d.opening); problem != nil {
		return Lease{}, problem, true
	}
	if d.landed != nil {
		if lease, problem, ok := p.outcome(d.landed, d, now); ok {
			return lease, problem, true
		}
	}
	if problem := p.revoke(d.refused, now); problem != nil {
		return Lease{}, problem, true
	}
	if p.held.isLive(now) && d.errand != loggingIn {
		return p.held.lease, nil, true
	}
	if p.flight != nil {
		return Lease{}, nil, false
	}
	problem := p.trouble.refusal(d.insists, now)
	return Lease{}, problem, problem != nil
}

// revoke drops the token if it is of that generation, for a caller has found it refused; or it
// returns why not. If that caller may not cause a login, one is due in the background.
func (p *profile) revoke(generation uint64, now moment) *Problem {
	if !p.held.isOf(generation) {
		return nil
	}
	problem := p.complaints.hear(generation, now)
	if problem == nil {
		p.held.drop()
		p.agenda.next = now
	}
	return problem
}

// outcome returns what a flight has brought for a demand; false: the demand needs another.
func (p *profile) outcome(f *flight, d *demand, now moment) (Lease, *Problem, bool) {
	problem, login := f.problem, d.errand == loggingIn
	if login && f.unreplaced != nil {
		problem = f.unreplaced
	}
	switch {
	case d.opening && f.opening && f.interrupted != nil && f.interrupted.Code == CodeLocked:
		return Lease{}, f.interrupted, true
	case f.errand == loggingOut, f.interrupted != nil, login && !f.signed, d.opening && (!f.opening || f == d.before):
		return Lease{}, nil, false
	case problem == nil: // another caller may have been faster, and have found it refused
		return p.held.lease, nil, p.held.isLive(now) && p.held.lease.Generation != d.refused
	}
	return Lease{}, problem, !f.lackedPerson(problem)
}

// forgive forgets failures, so that a caller may cause an attempt at once. Where a token is
// wanted and missing the Keeper makes one by itself, after the delay.
func (p *profile) forgive(now moment, delay time.Duration) {
	p.trouble.forgive()
	if p.agenda.wanted && !p.isWell(now) {
		p.agenda.next = now.add(delay)
	}
}

// maySign reports whether the Keeper may sign by itself: not while it is locked, or a person must
// act.
func (p *profile) maySign() bool { return !p.locked && p.trouble.final == nil }

// keep keeps the token that a flight has brought.
func (p *profile) keep(f *flight, token Token, changed bool, now moment) Lease {
	p.held.take(token, changed, now)
	p.agenda.next = now.add(renewal(p.held.ends.until(now)))
	p.agenda.wanted = !p.agenda.idle
	p.trouble.pass()
	if f.opening {
		p.locked = false
	}
	return p.held.lease
}

// land ends a flight with what it came to, and notes when to try again: by itself, and for a
// caller.
func (p *profile) land(f *flight, problem *Problem, now moment) {
	p.flight, f.problem = nil, problem
	if problem == nil || f.interrupted != nil || f.errand == loggingOut {
		return
	}
	f.problem = p.trouble.heed(problem, &p.held, now)
	p.trouble.fail(f.problem, f.lackedPerson(problem), now)
	if f.errand != loggingIn || !p.held.isLive(now) { // else the token is renewed as planned
		p.agenda.next = p.trouble.retryAt(&p.held, now)
	}
	p.watch(problem, now)
	if p.agenda.idle {
		p.trouble.setAside()
	}
}

// logOut takes the token back, and returns those that are to be ended.
func (p *profile) logOut(now moment) []holding {
	if p.held.isRenewable(now) {
		p.logouts = append(p.logouts, p.held)
	}
	p.held.drop()
	p.agenda.clear()
	p.trouble.setAside()
	p.forgetEnded(now)
	return slices.Clone(p.logouts)
}

// forgetEnded forgets the tokens that have ended by themselves.
func (p *profile) forgetEnded(now moment) {
	if !p.held.isRenewable(now) {
		p.held.drop()
	}
	p.logouts = slices.DeleteFunc(p.logouts, func(left holding) bool { return !left.isRenewable(now) })
}

// stop ends it: nothing is handed out or begun any more, and what is under way is interrupted.
func (p *profile) stop() {
	p.stopped = true
	p.unwatch()
	if p.flight != nil {
		p.flight.interrupt(stoppingProblem())
	}
}

// inherit takes over what holds for p, too, and ends before. What went wrong does not, for p may
// have been made to put it right; that Anaplan has asked for patience does.
func (p *profile) inherit(before *profile) {
	p.held.inherit(before.held)
	p.certificate, p.locked, p.logouts = before.certificate, before.locked, before.logouts
	p.complaints = before.complaints
	p.trouble.wait, p.trouble.waitUntil = before.trouble.wait, before.trouble.waitUntil
	p.agenda.inherit(before.agenda, p.held.has())

	before.agenda = agenda{}
	before.logouts = nil
	before.held.drop()
	before.stop()
}

// look does what time brings, and reports whether a token is to be renewed now.
func (p *profile) look(now moment) bool {
	p.forgetEnded(now)
	if p.agenda.rest(now) {
		p.trouble.setAside()
		p.journal.add(Event{Kind: EventIdle})
	}
	return !p.stopped && p.flight == nil && p.dueIn(now) <= 0
}

// sleep returns how long until time brings something; never: not before a wake.
func (p *profile) sleep(now moment) time.Duration {
	next := p.held.endsIn(now)
	if p.flight == nil {
		next = min(next, p.dueIn(now), p.lookIn(now))
	}
	if next != never {
		next = min(next, lookEvery)
	}
	return min(next, p.agenda.restIn(now))
}

// dueIn returns how long until the Keeper tries something by itself, never sooner than Anaplan has
// asked for; never: not before a caller. To refresh is always allowed.
func (p *profile) dueIn(now moment) time.Duration {
	if !p.agenda.wanted || p.agenda.next.isZero() || !p.held.isRenewable(now) && !p.maySign() {
		return never
	}
	return max(0, p.agenda.next.until(now), p.trouble.waitIn(now))
}
