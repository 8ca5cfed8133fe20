package agent

import (
	"context"
	"slices"
	"time"
)

// pendingLogout is a token that a logout is to end. A failed one leaves it here for the next: it
// lives on at Anaplan.
type pendingLogout struct {
	token      Token
	generation uint64
	ends       time.Time // by the monotonic clock; nothing is left to do then
}

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
	if k.isRenewable(now) {
		k.logouts = append(k.logouts, pendingLogout{k.lease.Token, k.lease.Generation, k.ends})
	}
	k.drop()
	k.wanted, k.idle, k.renewAt, k.problem = false, false, moment{}, k.final
	k.forgetLeft(now)
	if len(k.logouts) > 0 {
		k.launch(&flight{errand: loggingOut})
	}
	return k.flight, nil
}

// forgetLeft forgets those tokens to end that have ended by themselves.
func (k *Keeper) forgetLeft(now moment) {
	k.logouts = slices.DeleteFunc(k.logouts, func(l pendingLogout) bool { return !now.mono.Before(l.ends) })
}

// logout ends the tokens that are to end. It returns the first problem.
func (k *Keeper) logout(f *flight) (first *Problem) {
	for _, pending := range k.allPending() {
		if problem := k.endToken(f, pending); problem != nil && first == nil {
			first = problem
		}
	}
	return first
}

func (k *Keeper) allPending() []pendingLogout {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.logouts)
}

// endToken ends one token. One that was not valid any more counts as ended.
func (k *Keeper) endToken(f *flight, l pendingLogout) *Problem {
	_, event := k.exchange(f, EventLogout, k.config.Timeout, func(ctx context.Context) (Token, error) {
		return Token{}, k.config.Exchange.Logout(ctx, l.token)
	})
	if k.isRefused(event.Err) {
		event.Problem, event.Err = nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if event.Problem == nil {
		k.logouts = slices.DeleteFunc(k.logouts, func(other pendingLogout) bool { return other.generation == l.generation })
	}
	k.journal.add(event)
	return event.Problem
}
