package postgres

import (
	"context"
	"net"
	"sync"
	"time"
)

// clock ends exchanges with the server when their time is over. A server that is frozen takes
// connections and what is written, and answers nothing.
type clock struct {
	mu    sync.Mutex
	end   time.Time         // of what is under way; zero: it has none
	conns map[net.Conn]bool // that are open
}

// begin bounds what follows by a context, until the function that it returns is called.
func (c *clock) begin(ctx context.Context) (done func()) {
	end, _ := ctx.Deadline()
	c.set(end)
	stop := context.AfterFunc(ctx, func() { c.set(time.Unix(1, 0)) })
	return func() { stop() }
}

func (c *clock) set(end time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = end
	for conn := range c.conns {
		conn.SetDeadline(end)
	}
}

// Dial implements pq.Dialer, which is not called so.
func (c *clock) Dial(network, address string) (net.Conn, error) {
	return c.DialContext(context.Background(), network, address)
}

// DialTimeout implements pq.Dialer.
func (c *clock) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return c.DialContext(ctx, network, address)
}

// DialContext implements pq.DialerContext.
func (c *clock) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conns == nil {
		c.conns = map[net.Conn]bool{}
	}
	c.conns[conn] = true
	conn.SetDeadline(c.end)
	return &timed{Conn: conn, clock: c}, nil
}

// timed is a connection whose deadlines are the clock's.
type timed struct {
	net.Conn
	clock *clock
}

// SetDeadline does nothing: the driver takes its own off when it has connected.
func (t *timed) SetDeadline(time.Time) error { return nil }

// Close implements net.Conn.
func (t *timed) Close() error {
	t.clock.mu.Lock()
	delete(t.clock.conns, t.Conn)
	t.clock.mu.Unlock()
	return t.Conn.Close()
}
