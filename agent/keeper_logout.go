package agent

import (
	"context"
	"slices"
)

// boardLogout returns the flight to wait for: that of a logout, or what must end before
// it; nil if there is nothing to end.
func (k *Keeper) boardLogout() (*flight, *Problem) {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	defer k.settle(now)
	if k.stopped {
		return nil, stoppingProblem()
	}
	if k.flight != nil {
		return k.flight, nil
	}
	if k.held.isRenewable(now) {
		k.logouts = append(k.logouts, k.held)
	}
	k.held.drop()
	k.agenda.clear()
	k.trouble.setAside()
	k.forgetLeft(now)
	if len(k.logouts) > 0 {
		k.launch(&flight{errand: loggingOut})
	}
	return k.flight, nil
}

// forgetLeft forgets those tokens to end that have ended by themselves.
func (k *Keeper) forgetLeft(now moment) {
	k.logouts = slices.DeleteFunc(k.logouts, func(left holding) bool { return !left.isRenewable(now) })
}

// logout ends the tokens that are to end. One that it cannot end stays for the next logout: it
// lives on at Anaplan. It returns the first problem.
func (k *Keeper) logout(f *flight) (first *Problem) {
	for _, pending := range k.allPending() {
		if problem := k.endToken(f, pending.lease); problem != nil && first == nil {
			first = problem
		}
	}
	return first
}

func (k *Keeper) allPending() []holding {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.logouts)
}

// endToken ends one token. One that was not valid any more counts as ended.
func (k *Keeper) endToken(f *flight, lease Lease) *Problem {
	_, event := k.exchange(f, EventLogout, k.config.Timeout, func(ctx context.Context) (Token, error) {
		return Token{}, k.config.Exchange.Logout(ctx, lease.Token)
	})
	if k.isRefused(event.Err) {
		event.Problem, event.Err = nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if event.Problem == nil {
		k.logouts = slices.DeleteFunc(k.logouts, func(left holding) bool { return left.isOf(lease.Generation) })
	}
	k.journal.add(event)
	return event.Problem
}
