//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
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

// check refuses an agent of somebody else's, for it would be sent PINs. Root's and the own user's
// are fine, and one whose socket lies where only root can have put it, as that of a
// system service with a user of its own.
func (c *Client) check(conn net.Conn) error {
	peer, err := PeerOf(conn)
	if err != nil {
		return err
	}
	if IsRootOrSelf(peer) || onlyRoot(filepath.Dir(c.socket)) {
		return nil
	}
	return fmt.Errorf("it is run by user %s, who is neither root nor you (user %s), so it is not spoken to", peer.User(), Self())
}
