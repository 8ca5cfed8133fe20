package anaplan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// Retry bounds the attempts of one call.
type Retry struct {
	// Attempts is how often a request is sent at most. Zero: 5; 1: no retry.
	Attempts int

	// Delay is the first wait; it doubles each time up to one second, or stays where it is
	// longer than that. Half of it is left to chance. Zero: 500 ms.
	Delay time.Duration

	// MaxDelay is the longest wait. A service that asks for a longer one gets no
	// further attempt. Zero: one minute.
	MaxDelay time.Duration

	// AttemptTimeout is how long one attempt may take. Zero: 15 s.
	AttemptTimeout time.Duration
}

// longestStep is the longest wait that the service has not asked for. What has passed is noticed
// that much later at most, and docs/reliability.md promises two seconds.
const longestStep = time.Second

// limitedDelay is the wait after a 429 that names none; what clients of the
// integration API do (contract section 6).
const limitedDelay = 10 * time.Second

func (r Retry) orDefaults() Retry {
	return Retry{
		Attempts:       cmp.Or(r.Attempts, 5),
		Delay:          cmp.Or(r.Delay, 500*time.Millisecond),
		MaxDelay:       cmp.Or(r.MaxDelay, time.Minute),
		AttemptTimeout: cmp.Or(r.AttemptTimeout, 15*time.Second),
	}
}

// send does the call, again where that may help, and returns the answer that
// ended it: with an error too, if there was one.
func (c *Client) send(ctx context.Context, call *call) (*answer, error) {
	for attempt := 1; ; attempt++ {
		answer, err := c.attempt(ctx, call, attempt)
		if !isTransient(err) {
			return answer, err
		}
		if ctx.Err() != nil {
			return answer, fmt.Errorf("gave up waiting for %s: %w", c.base.Host, context.Cause(ctx))
		}
		wait, bearable := c.retry.wait(attempt, err)
		if attempt >= c.retry.Attempts || !bearable || !isInTime(ctx, wait, call.freshUntil) {
			return answer, err
		}
		c.log.Warn("trying again", "op", call.op, "host", c.base.Host, "attempt", attempt, "wait", wait, "error", err)
		if backoff.Sleep(ctx, wait) != nil {
			return answer, fmt.Errorf("gave up waiting to try again: %w; before that: %w", context.Cause(ctx), err)
		}
	}
}

// isTransient is the one place that decides whether a request may be sent again:
// after a failure that can pass by itself, never after a refusal.
func isTransient(err error) bool {
	if broken, ok := errors.AsType[*ConnectionError](err); ok {
		return !broken.final
	}
	return errors.Is(err, ErrRateLimited) || errors.Is(err, ErrUnavailable)
}

// wait returns how long to wait after the failure of an attempt, and whether that is
// within MaxDelay. Chance keeps agents that failed together from coming back
// together; it comes on top of what is compared, so that it never decides whether
// there is another attempt.
func (r Retry) wait(attempt int, err error) (wait time.Duration, bearable bool) {
	if refusal, ok := errors.AsType[*AnswerError](err); ok && refusal.RetryAfter > 0 {
		return refusal.RetryAfter + backoff.Jitter(r.Delay), refusal.RetryAfter <= r.MaxDelay
	}
	if errors.Is(err, ErrRateLimited) {
		return limitedDelay + backoff.Jitter(r.Delay), limitedDelay <= r.MaxDelay
	}
	return backoff.Delay(r.Delay, min(max(r.Delay, longestStep), r.MaxDelay), attempt), true
}

// isInTime reports whether after the wait there is still something to be had: within
// the caller's deadline, and the freshness of the payload.
func isInTime(ctx context.Context, wait time.Duration, freshUntil time.Time) bool {
	then := time.Now().Add(wait)
	if deadline, ok := ctx.Deadline(); ok && !then.Before(deadline) {
		return false
	}
	return freshUntil.IsZero() || then.Before(freshUntil)
}
