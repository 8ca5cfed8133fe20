package anaplan

import (
	"context"
	"errors"
	"net/http"
)

// Look returns nil if the service answers, whatever it says: it is asked once, for what it tells nobody
// without a credential, and none is sent. An error, which matches one of the package, is that of a way
// to it that is closed: no connection, a proxy or a portal that answers for it, a failure (HTTP 5xx), or
// that it wants to be left alone.
func (c *Client) Look(ctx context.Context) error {
	_, err := c.attempt(ctx, &call{op: "look", method: http.MethodGet, path: "token/validate", unauthorized: ErrTokenRefused}, 1)
	if answered, ok := errors.AsType[*AnswerError](err); ok && answered.isOfItself() {
		return nil
	}
	return err
}

// isOfItself reports whether an answer may be the service's own, and not one in its place or for the
// time being.
func (e *AnswerError) isOfItself() bool {
	switch e.Kind {
	case ErrRateLimited, ErrUnavailable, ErrRedirect, ErrBlocked:
		return false
	}
	return e.Status != http.StatusProxyAuthRequired
}
