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
	if k.started.Swap(true) {
		return errRunTwice
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Stop()
		if sleep := k.tick(); sleep != never {
			timer.Reset(sleep)
		}
		k.profile.journal.tell()
		select {
		case <-ctx.Done():
		case <-k.profile.wake:
		case <-timer.C:
		}
	}
	k.stop()
	return nil
}

// tick does what is due, and returns how long until there may be more; never: not before
// a wake.
func (k *Keeper) tick() time.Duration {
	now := k.profile.enter()
	defer k.profile.mu.Unlock()
	if k.profile.look(now) {
		k.pilot.launch(&flight{errand: renewing})
	} else if k.profile.lookIn(now) <= 0 {
		k.pilot.look(now)
	}
	k.profile.note(now)
	return k.profile.sleep(now)
}

func (k *Keeper) stop() {
	k.profile.mu.Lock()
	k.profile.stop()
	k.profile.mu.Unlock()
	k.pilot.flights.Wait()
	k.profile.journal.tell()
	k.profile.mu.Lock()
	defer k.profile.mu.Unlock()
	k.profile.logouts = nil
	k.profile.held.drop()
}
