package agent

import (
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// trouble is what the last attempt has failed of, and what that means for the next.
type trouble struct {
	problem    *Problem  // of the last attempt
	final      *Problem  // stands until a person acts, and forbids to sign
	wait       *Problem  // asked for patience
	waitUntil  time.Time // until when, by the monotonic clock
	failures   int       // in a row
	demandAt   moment    // before that a caller causes no attempt
	since      moment    // the first of them
	early      int       // attempts that a look has made before their time
	unattended bool      // the last attempt had needed a person and asked none
}

// fail notes a failure; unattended: for want of a person, and none was asked.
func (t *trouble) fail(problem *Problem, unattended bool, now moment) {
	if t.failures++; t.failures == 1 {
		t.since = now
	}
	t.problem, t.unattended = problem, unattended
	t.demandAt = now.add(demandGap(problem, t.failures))
	if problem.Final {
		t.final = problem
	}
}

// pass notes a success, which does not undo what only a person can.
func (t *trouble) pass() { *t = trouble{problem: t.final, final: t.final} }

// forgive lets a caller cause an attempt at once.
func (t *trouble) forgive() { t.final, t.failures, t.demandAt, t.early = nil, 0, moment{}, 0 }

// setAside forgets the last problem if it need not stand: nothing is tried again, for nobody asks.
func (t *trouble) setAside() { t.problem = t.final }

// heed notes what a problem asks for in patience. It returns the problem with what it gets:
// Anaplan no more than maxPatience, and not past the moment when a login is due if the
// token that lives is not to end without another.
func (t *trouble) heed(problem *Problem, held *holding, now moment) *Problem {
	if !isOfDevice(problem) {
		problem = problem.waiting(held.beforeLastCall(min(problem.Wait, maxPatience), now))
	}
	if problem.Wait > 0 {
		t.wait, t.waitUntil = problem, now.mono.Add(problem.Wait)
	}
	return problem
}

// waitIn returns for how long patience is asked for; none: 0 or less.
func (t *trouble) waitIn(now moment) time.Duration { return t.waitUntil.Sub(now.mono) }

// refusal returns why nothing is tried for a caller now; insists: for one that says that it was put
// right.
func (t *trouble) refusal(insists bool, now moment) *Problem {
	wait := t.waitIn(now)
	switch {
	case t.final != nil && !insists:
		return t.final
	case wait > 0 && (!insists || isOfDevice(t.wait)):
		return t.wait.waiting(wait)
	case !insists && !t.unattended && t.demandAt.until(now) > 0:
		return t.problem
	}
	return nil
}

// retryAt returns when to try again in the background; zero: not before a caller.
func (t *trouble) retryAt(held *holding, now moment) moment {
	problem, limit := t.problem, maxLoginRetry
	switch {
	case held.isLive(now):
		limit = maxRefreshRetry
	case problem.Attend:
		return moment{}
	case (isOfDevice(problem) || problem.Code == CodeSignerFailed) && t.failures <= deviceRetries:
		limit = maxDeviceRetry
	}
	if problem.Final {
		return moment{}
	}
	if problem.Wait > 0 && isOfDevice(problem) {
		return now.add(problem.Wait + backoff.Jitter(deviceJitter)) // it has counted how often it was tried
	}
	next := max(problem.Wait+backoff.Jitter(firstRetry), backoff.Delay(firstRetry, limit, t.failures))
	return now.add(held.beforeLastCall(next, now))
}

// demandGap returns how long after a failure a caller gets the same problem and causes no
// attempt. A device can be tried often: it bothers nobody else, also where it is a module that
// crashes, for a time. What refuses a login, or a key that cannot make one, is mostly not a matter
// of seconds, and each attempt costs a signature, maybe a touch; but the first step is taken
// twice, for what does pass within seconds. That nothing can be reached passes mostly so: it is
// taken more often then.
func demandGap(problem *Problem, failures int) time.Duration {
	switch {
	case problem.Code == CodeSignerFailed && failures > deviceRetries:
		return maxDeviceRetry
	case isOfDevice(problem) || problem.Code == CodeSignerFailed:
		return firstDemand
	case isRefusal(problem) || problem.Code == CodeKeyUnusable:
		return backoff.Doubled(firstDemand, maxRefused, failures-2)
	}
	return backoff.Doubled(firstDemand, maxDemand, failures-quickDemands)
}

// isRefusal reports whether a problem is an answer of Anaplan, or of something before it.
func isRefusal(problem *Problem) bool {
	return problem.Code == CodeServerRefused || problem.Code == CodeLoginRefused
}

// isOfDevice reports whether a problem is that of a device, or of the person at it.
func isOfDevice(problem *Problem) bool {
	switch problem.Code {
	case CodePINNeeded, CodeTouchNeeded, CodeDeviceAbsent, CodeDeviceFailed:
		return true
	}
	return false
}
