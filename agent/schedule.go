package agent

import (
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// The times by which a Keeper goes, but for those that its KeeperConfig names.
const (
	// lookEvery is the longest sleep while something is to come. A timer stands still
	// while the machine sleeps, the token's end does not.
	lookEvery = 30 * time.Second

	firstRetry      = 5 * time.Second // in the background
	maxRefreshRetry = 2 * time.Minute // with a live token
	maxLoginRetry   = 5 * time.Minute // without

	deviceJitter = time.Second // after the time that a device's problem names

	maxDeviceRetry = 8 * time.Second // without a token, where the device fails
	deviceRetries  = 100             // so often; then it is not a matter of minutes, see maxLoginRetry

	firstDemand  = time.Second // after a failure, before a caller causes the next attempt
	quickDemands = 5           // so often
	maxDemand    = time.Minute
	maxRefused   = 5 * time.Minute // the same after a refusal, of which two are quick

	lookGap      = time.Second      // from one look to the next at most, see KeeperConfig.Look
	lookOften    = time.Hour        // for so long
	lookGapLater = 10 * time.Second // and after that
	lookTimeout  = 5 * time.Second  // of one look
	earlyJitter  = time.Second / 4  // from what a look has shown to the attempt
	mostEarly    = 5                // attempts that looks have led to, without a success

	// maxPatience bounds what Anaplan can ask for in patience. More of it is as likely to be
	// the doing of something in between, and a login every ten minutes harms nobody.
	maxPatience = 10 * time.Minute

	maxReserve = 90 * time.Second // of a token's life is kept for a login

	believeAgain = 10 * time.Minute // after that a refused token does not follow from the last one
)

// moment is a point in time on two clocks. The wall clock can be set, forward and back;
// the monotonic one stands still while the machine sleeps.
type moment struct {
	wall time.Time // without a monotonic reading, so that it is compared by the wall clock
	mono time.Time // with one
}

func (m moment) isZero() bool { return m.mono.IsZero() }

func (m moment) add(d time.Duration) moment { return moment{m.wall.Add(d), m.mono.Add(d)} }

// until returns how long it is from now to m, by the clock that gets there first.
func (m moment) until(now moment) time.Duration {
	return min(m.wall.Sub(now.wall), m.mono.Sub(now.mono))
}

// renewal returns after what part of its life a token is refreshed: 70 to 80 percent, by
// chance, so that agents that started together do not come together. It is never so soon
// that tokens of a short life make a storm.
func renewal(life time.Duration) time.Duration {
	return max(firstRetry, life/10*7+backoff.Jitter(life/10))
}

// reserve returns how long before the end of a token a login is made if it could not be
// refreshed. A part of that is left to chance, as of renewal.
func reserve(life time.Duration) time.Duration {
	most := min(life/8, maxReserve)
	return most + backoff.Jitter(most/4)
}
