package agent

import (
	"context"
	"errors"
	"math"
	"time"
)

// errRunTwice is a mistake of the program.
var errRunTwice = errors.New("the Keeper has been run before")

// never is longer than any wait.
const never = time.Duration(math.MaxInt64)

// Run renews the token until ctx ends, then ends what is under way and waits for it.
// Afterwards callers get a Problem of CodeStopping. A Keeper runs once; running it again is the
// error.
func (k *Keeper) Run(ctx context.Context) error {
	if !k.start() {
		return errRunTwice
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Stop()
		if sleep := k.tick(); sleep != never {
			timer.Reset(sleep)
		}
		k.journal.tell()
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-timer.C:
		}
	}
	k.stop()
	return nil
}

// start reports whether this is the first Run.
func (k *Keeper) start() bool {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.started {
		return false
	}
	k.started = true
	if k.agenda.wanted && !k.held.has() && k.trouble.problem == nil {
		k.agenda.next = now
	}
	return true
}

func (k *Keeper) stop() {
	k.mu.Lock()
	k.stopped = true
	if k.flight != nil {
		k.flight.interrupt(stoppingProblem())
	}
	k.mu.Unlock()
	k.end(stoppingProblem())
	k.flights.Wait()
	k.journal.tell()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.logouts = nil
	k.held.drop()
}

// tick does what is due, and returns how long until there may be more; never: not before
// a wake.
func (k *Keeper) tick() time.Duration {
	now := k.clock()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held.has() && !k.held.isRenewable(now) {
		k.held.drop()
	}
	k.forgetLeft(now)
	if k.agenda.rest(now) {
		k.trouble.setAside()
		k.journal.add(Event{Kind: EventIdle})
	}
	if k.flight == nil && k.isTrying(now) && k.dueIn(now) <= 0 {
		k.launch(&flight{errand: renewing})
	}
	k.note(now)
	return k.sleep(now)
}

// sleep returns how long until tick has something to do.
func (k *Keeper) sleep(now moment) time.Duration {
	next := k.held.endsIn(now)
	if k.flight == nil && k.isTrying(now) {
		next = min(next, k.dueIn(now))
	}
	if next != never {
		next = min(next, lookEvery)
	}
	return min(next, k.agenda.restIn(now))
}

// isTrying reports whether the Keeper means to do something by itself. To refresh is
// always allowed; to sign is not, while the profile is locked or a person must act.
func (k *Keeper) isTrying(now moment) bool {
	return k.agenda.wanted && !k.agenda.next.isZero() && (k.held.isRenewable(now) || !k.locked && k.trouble.final == nil)
}

// dueIn returns how long until that, never sooner than Anaplan has asked for.
func (k *Keeper) dueIn(now moment) time.Duration {
	return max(0, k.agenda.next.until(now), k.trouble.waitIn(now))
}
