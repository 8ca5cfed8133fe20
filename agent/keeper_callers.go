package agent

import "context"

// demand is what a caller wants, and what it has waited for.
type demand struct {
	notify  NotifyFunc
	errand  errand // renewing: any token will do; loggingIn: that of a new login
	refused uint64 // not the token of this generation
	insists bool   // also after a failure, for the caller says that it was put right
	opening bool   // loggingIn: and with it the end of a lock

	before *flight // was under way when the caller came; nil: nothing was
	landed *flight // the last that was waited for; nil: none yet
}

// enter locks the Keeper that answers for k: k itself, or the last that has taken its place.
func (k *Keeper) enter() (*Keeper, moment) {
	for {
		now := k.profile.enter()
		heir := k.heir
		if heir == nil {
			return k, now
		}
		k.profile.mu.Unlock()
		k = heir
	}
}

// ready returns the token if it can be had at once. It is what tens of thousands of calls
// a second go through.
func (k *Keeper) ready() (Lease, bool) {
	k, now := k.enter()
	defer k.profile.mu.Unlock()
	if k.profile.agenda.use(k.profile.held.isRenewable(now), now) {
		k.profile.settle(now)
	}
	return k.profile.ready(now)
}

// obtain waits for flights until the demand is met or must fail.
func (k *Keeper) obtain(ctx context.Context, d demand) (Lease, error) {
	for ctx.Err() == nil {
		f, lease, problem := k.board(&d)
		if f == nil {
			return lease, asError(problem)
		}
		if err := f.wait(ctx, d.notify); err != nil {
			return Lease{}, err
		}
		d.landed = f
	}
	return Lease{}, context.Cause(ctx)
}

// board returns the flight to wait for, or what there is to say.
func (k *Keeper) board(d *demand) (*flight, Lease, *Problem) {
	k, now := k.enter()
	defer k.profile.leave(now)
	if lease, problem, ok := k.profile.answer(d, now); ok {
		return nil, lease, problem
	}
	if k.profile.flight == nil {
		k.pilot.launch(&flight{errand: d.errand, opening: d.opening})
	}
	f := k.profile.flight
	if !f.signed {
		f.attended = true
	}
	return f, Lease{}, nil
}

// boardLogout returns the flight to wait for: that of a logout, or what must end before
// it; nil if there is nothing to end.
func (k *Keeper) boardLogout() (*flight, *Problem) {
	k, now := k.enter()
	defer k.profile.leave(now)
	if k.profile.stopped {
		return nil, stoppingProblem()
	}
	if k.profile.flight == nil {
		if left := k.profile.logOut(now); len(left) > 0 {
			k.pilot.launch(&flight{errand: loggingOut, ending: left})
		}
	}
	return k.profile.flight, nil
}
