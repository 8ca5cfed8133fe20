package local

import (
	"context"
	"net"
)

// Dial connects to the agent, which is a proxy there, too: it takes CONNECT for Anaplan's hosts, from the
// user that the kernel names, with [As.Header]. The agent is found to be whose it should be.
func (c *Client) Dial(ctx context.Context) (net.Conn, error) {
	conn, err := c.dial(ctx, false)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return conn, nil
}
