package integration

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// Retry bounds the attempts of what can be tried again.
type Retry struct {
	// Attempts is how often something is tried without getting any further. 0: 8; 1: once.
	Attempts int

	// Delay is the first pause; it doubles each time, and half of it is left to chance.
	// 0: 500 ms.
	Delay time.Duration

	// MaxDelay is the longest pause of that kind. 0: 30 s.
	MaxDelay time.Duration
}

const (
	// limitedDelay is the pause after a 429 that names none, as other clients do
	// (contract section 6).
	limitedDelay = 10 * time.Second

	// mostRetryAfter is the longest pause that is taken because somebody asks for it. The
	// allowance of a whole minute is back sooner; more is a mistake, or not Anaplan's word.
	mostRetryAfter = 5 * time.Minute
)

// patience is what is left of trying one thing.
type patience struct {
	client   *Client
	retry    Retry
	least    time.Duration // of the pauses
	failures int
}

func (c *Client) patience() *patience {
	return &patience{client: c, retry: Retry{
		Attempts: cmp.Or(c.Retry.Attempts, 8),
		Delay:    cmp.Or(c.Retry.Delay, 500*time.Millisecond),
		MaxDelay: cmp.Or(c.Retry.MaxDelay, 30*time.Second),
	}}
}

// renew is told that something has been got, so that the count begins again.
func (p *patience) renew() { p.failures = 0 }

// wait waits until it is time to try again after err. It returns why not, if not.
func (p *patience) wait(ctx context.Context, err error) error {
	p.failures++
	pause := p.pause(err)
	switch {
	case ctx.Err() != nil:
		return gaveUp(ctx, err)
	case !isTransient(err):
		return err
	case p.failures >= p.retry.Attempts:
		return p.exhausted(err)
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Add(pause).Before(deadline) {
		return fmt.Errorf("there is no time to try again: %w", err)
	}
	p.client.tell("%s; trying again in %v", happened(err), pause.Round(100*time.Millisecond))
	if backoff.Sleep(ctx, pause) != nil {
		return gaveUp(ctx, err)
	}
	return nil
}

func (p *patience) exhausted(err error) error {
	if p.failures == 1 {
		return err
	}
	return fmt.Errorf("tried %d times: %w", p.failures, err)
}

// gaveUp is the error of a caller that was told to stop. The cause comes first: it is the reason.
func gaveUp(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w; before that: %w", cause, err)
	}
	return err
}

// pause returns how long to wait after err.
func (p *patience) pause(err error) time.Duration {
	refusal, ok := errors.AsType[*APIError](err)
	if ok && refusal.RetryAfter > 0 {
		return max(p.least, min(refusal.RetryAfter, mostRetryAfter)+backoff.Jitter(p.retry.Delay))
	}
	if ok && refusal.Status == http.StatusTooManyRequests {
		return max(p.least, limitedDelay+backoff.Jitter(p.retry.Delay))
	}
	return max(p.least, backoff.Delay(p.retry.Delay, p.retry.MaxDelay, p.failures))
}

// isTransient is the one place that decides whether something may get better by itself.
func isTransient(err error) bool {
	if refusal, ok := errors.AsType[*APIError](err); ok {
		return isPassing(refusal.Status, refusal.Code)
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return !problem.Final && !problem.Human && isPassing(0, problem.Code)
	}
	_, isLost := errors.AsType[*lostError](err)
	_, isOwn := errors.AsType[*readError](err)
	return isLost && !isOwn && !isUntrusted(err)
}

// isPassing decides that for an answer. What the agent refuses is known by its code: that it has no
// PIN, say, passes only when a person acts.
func isPassing(status int, code agent.Code) bool {
	switch code {
	case "":
	case agent.CodeRateLimited, agent.CodeUnreachable, agent.CodeTooMany, agent.CodeStopping:
		return true
	default:
		return false
	}
	switch status {
	case http.StatusGone: // the model has moved: trying again leads there (help.anaplan.com, "Model busy behavior and retry strategy")
		return true
	case http.StatusInternalServerError: // to be tried again (help.anaplan.com, "Troubleshooting API usage")
		return true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return status >= 520 && status <= 524 // of Cloudflare, which stands in front of Anaplan
}

// isStale reports whether a call failed only because its token had just ended. The agent then
// has a new one, but did not keep a body of this length to send it again.
func isStale(call call, err error) bool {
	refusal, ok := errors.AsType[*APIError](err)
	const kept = 64 << 10
	return ok && refusal.Status == http.StatusUnauthorized && refusal.Code == "" && call.size > kept
}

// isUnsent reports whether a failure is sure to have come before Anaplan did anything.
func isUnsent(err error) bool {
	if refusal, ok := errors.AsType[*APIError](err); ok {
		switch refusal.Code {
		case agent.CodeRateLimited, agent.CodeTooMany, agent.CodeStopping:
			return true
		}
		return refusal.Status == http.StatusTooManyRequests || !isPassing(refusal.Status, refusal.Code)
	}
	// Without a token, and without a connection, nothing is sent.
	_, noToken := errors.AsType[*agent.Problem](err)
	operation, _ := errors.AsType[*net.OpError](err)
	return noToken || isUntrusted(err) || operation != nil && operation.Op == "dial"
}

// isHeld reports whether Anaplan may still do what a failed call asked for, when the model is free
// again.
func isHeld(err error) bool {
	refusal, ok := errors.AsType[*APIError](err)
	const cloudflareTimeout = 524
	return errors.Is(err, errStalled) || ok && (refusal.Status == http.StatusGatewayTimeout || refusal.Status == cloudflareTimeout)
}

// IsTransient reports whether something may get better by itself: an answer that passes, or none.
func IsTransient(err error) bool {
	return isTransient(err) || errors.Is(err, errTooLong) || errors.Is(err, ErrResponse)
}

// isUntrusted reports whether TLS did not prove which server answers.
func isUntrusted(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return unverified || noTLS || errors.Is(err, http.ErrSchemeMismatch)
}

// happened says in a few words what went wrong, for a person who watches.
func happened(err error) string {
	refusal, ok := errors.AsType[*APIError](err)
	held, known := errors.AsType[*heldError](err)
	switch {
	case !ok && known:
		return held.why
	case !ok && errors.Is(err, errStalled):
		return "the connection stalled"
	case !ok:
		return "the connection was lost"
	case refusal.Code == agent.CodeUnreachable:
		return "the agent cannot reach Anaplan"
	case refusal.Code != "":
		return "the agent asks for patience"
	case refusal.Status == http.StatusTooManyRequests:
		return "Anaplan asks for patience"
	case refusal.Status == http.StatusGone:
		return "the request is rerouted (HTTP 410)"
	}
	return fmt.Sprintf("Anaplan is not available (HTTP %d)", refusal.Status)
}
