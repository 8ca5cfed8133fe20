//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// busyPause is how long a client waits before it tries again.
const busyPause = 10 * time.Millisecond

// connect waits for a place in the queue of an agent that is busy: Linux refuses where
// too many wait, and so would ten thousand scripts that start at once.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, busyPatience, errTooMany)
	defer cancel()
	for {
		conn, err := Dial(ctx, c.socket)
		switch {
		case err == nil:
			return conn, nil
		case (errors.Is(err, fs.ErrNotExist) || neterror.IsRefused(err)) && RunsWithoutSocket(c.socket):
			return nil, fmt.Errorf("%w: %s", ErrSocketGone, c.socket)
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%w: there is no socket at %s", ErrNotRunning, c.socket)
		case neterror.IsRefused(err):
			return nil, fmt.Errorf("%w: nobody listens at %s", ErrNotRunning, c.socket)
		case !IsBusy(err):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(busyPause):
		}
	}
}
