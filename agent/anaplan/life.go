package anaplan

import (
	"fmt"
	"time"
)

// maxLife is longer than any token lives: that is 35 minutes, and was 30 (contract section 2.1).
const maxLife = 24 * time.Hour

const (
	// dateStep is how exact a Date header is.
	dateStep = time.Second

	// soundSkew is how far clocks are apart at most if neither is absurd.
	soundSkew = 24 * time.Hour

	// maxSkew is how wrong this machine's clock can be at most. With a larger error it would
	// not find the service's TLS certificate valid.
	maxSkew = 366 * 24 * time.Hour
)

// end returns when a token ends by this machine's clock. The service says it by its own.
func (a *answer) end(expires int64) (time.Time, error) {
	if expires == 0 {
		return time.Time{}, a.unusable("it has no tokenInfo.expiresAt")
	}
	at := time.UnixMilli(expires)
	switch life := a.life(at); {
	case life <= 0:
		return time.Time{}, a.unusable("the token has ended before it came" + a.clocks())
	case life > maxLife:
		return time.Time{}, a.unusable(fmt.Sprintf("tokenInfo.expiresAt is %s, and a token lives no longer than %v%s", at.UTC().Format(time.RFC3339), maxLife, a.clocks()))
	default:
		return a.arrived.Add(life).Round(0), nil
	}
}

// life returns how long a token lives after the arrival of the answer, from the end that the
// service gives. It is counted by the service's clock: counted by this machine's, if that is
// wrong, live tokens would be refused and dead ones served. It is counted from the time here only
// if that makes sense of the end, and the Date does not and is far from it.
func (a *answer) life(expires time.Time) time.Duration {
	byTheirs, byOurs := expires.Sub(a.serviceTime()), expires.Sub(a.arrived)
	if !isLife(byTheirs) && isLife(byOurs) && a.arrived.Sub(a.date()).Abs() > soundSkew {
		return byOurs
	}
	return byTheirs
}

func isLife(d time.Duration) bool { return d > 0 && d <= maxLife }

// serviceTime returns the service's time at the arrival of the answer; this machine's where the
// answer tells none, an absurd one, or one that agrees with it. A Date tells when, to the second,
// the answer was made, which was after it had been asked for. Of all that time the latest possible
// is taken, so that no token seems to live longer than it does.
func (a *answer) serviceTime() time.Time {
	earliest := a.date()
	latest := earliest.Add(dateStep + a.took)
	if a.arrived.Sub(earliest).Abs() > maxSkew || !a.arrived.Before(earliest) && !a.arrived.After(latest) {
		return a.arrived
	}
	return latest
}
