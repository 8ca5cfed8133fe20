package server

import (
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"
	"github.com/anaplan-agent/anaplan-agent/agent/statusline"
)

// connections are those of one listener. They are closed here when something takes too
// long on one. net/http has deadlines for that, and sets four of them for a request, which
// costs a tenth of all requests a second; what is here costs a few stores.
type connections struct {
	tick                        time.Duration // how exact it is
	header, write, stream, idle int64         // what may take how long, in ticks
	tls                         int64         // how long the first request of a tunnel may take, in ticks
	tunnel                      int64         // for how long nothing may pass through a tunnel, in ticks
	clock                       atomic.Int64  // ticks so far; it stands while there is no connection

	running sync.WaitGroup // the connections' goroutines, and the one that looks after them

	within *listen.Queue // of connections within others, in which TLS ends here

	mu   sync.Mutex
	all  map[*admitted]struct{}
	last chan struct{} // closed when the last one has gone
}

// never is when a connection is due on which a request is under way: that has bounds of
// its own, or waits for a person.
const never = math.MaxInt64

func newConnections(limits Limits) *connections {
	shortest := min(limits.HeaderTime, limits.TLSTime, limits.WriteTime, limits.StreamTime, limits.IdleTime, limits.TunnelIdle)
	tick := min(max(shortest/8, 5*time.Millisecond), time.Second)
	ticks := func(d time.Duration) int64 { return int64((d+tick-1)/tick) + 1 } // the present one has begun
	return &connections{
		tick: tick, header: ticks(limits.HeaderTime), write: ticks(limits.WriteTime), stream: ticks(limits.StreamTime), idle: ticks(limits.IdleTime), tls: ticks(limits.TLSTime), tunnel: ticks(limits.TunnelIdle),
		all: map[*admitted]struct{}{},
	}
}

// track is told by net/http what happens to connections, for each in turn. It takes the
// lock only when they come and go.
func (c *connections) track(conn net.Conn, state http.ConnState) {
	one := conn.(*admitted)
	switch state {
	case http.StateNew:
		if one.via == nil { // or replace has done both
			one.due.Store(c.clock.Load() + c.header)
			c.add(one)
		}
	case http.StateActive:
		one.asked.Store(true)
	case http.StateIdle:
		one.idle.Store(true)
		one.due.Store(c.clock.Load() + c.idle)
	case http.StateClosed:
		c.remove(one)
	}
}

func (c *connections) add(one *admitted) {
	c.running.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[one] = struct{}{}
	if len(c.all) == 1 {
		last := make(chan struct{})
		c.last = last
		c.running.Go(func() { c.watch(last) })
	}
}

func (c *connections) remove(one *admitted) {
	defer c.running.Done()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, one)
	if len(c.all) == 0 {
		close(c.last)
	}
}

// watch closes what is due, while there are connections.
func (c *connections) watch(last <-chan struct{}) {
	ticker := time.NewTicker(c.tick)
	defer ticker.Stop()
	for {
		select {
		case <-last:
			return
		case <-ticker.C:
			now := c.clock.Add(1)
			c.closeIf(func(one *admitted) bool { return one.due.Load() <= now })
		}
	}
}

// closeSilent closes the connections on which nothing was ever asked. net/http would wait
// five seconds for them to ask.
func (c *connections) closeSilent() {
	c.closeIf(func(one *admitted) bool { return !one.asked.Load() })
}

func (c *connections) closeIf(is func(*admitted) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for one := range c.all {
		if is(one) {
			one.cut()
		}
	}
}

// admitted is a caller's connection. It gives its place back when it is closed.
type admitted struct {
	net.Conn
	caller *caller
	leave  func()
	among  *connections

	asked atomic.Bool  // a request came
	idle  atomic.Bool  // the last one is answered, and nothing of the next has come
	due   atomic.Int64 // the tick at which the connection is closed

	// networkUser returns the user at the other end of a TCP connection; nobody where that cannot be
	// had. It is looked up when it is first wanted, for that takes as long as there are connections
	// on the machine.
	networkUser func() int

	under net.Conn // what TLS goes over, where it ends here, or the other end of a tunnel; nil: there is none
	via   *via     // what is asked for on it is for one of Anaplan's hosts; nil: it is not

	calm atomic.Bool // the answer is a long one, which a caller may take in its own time

	refused int    // the status of a refusal that is about to be written; 0: none
	reason  string // of that; only requests' handlers set it, and net/http writes in their goroutine

	buffer []byte      // of net/http, through which all passes that comes; it is reused for others
	blind  atomic.Bool // what comes is not wanted, and may be part of a PIN
}

// Close can be called more than once.
func (a *admitted) Close() error {
	a.leave()
	return a.Conn.Close()
}

// cut is Close without a farewell, for which TLS may wait.
func (a *admitted) cut() {
	if a.under != nil {
		a.under.Close()
	}
	a.Close()
}

// CloseWrite tells the caller that no more comes, which net/http wants before it closes a connection in
// the midst of a request. A pipe has no such half: what was written can still be read when it is closed.
func (a *admitted) CloseWrite() error {
	if half, ok := a.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Read notes when a request begins to come. The first one of a connection has begun with
// that, and with a buffer that is still empty, so that it is given the whole of it.
func (a *admitted) Read(p []byte) (int, error) {
	if a.buffer == nil {
		a.buffer = p[:cap(p)]
	}
	n, err := a.Conn.Read(p)
	if n > 0 && a.idle.Load() {
		a.idle.Store(false)
		a.due.Store(a.among.clock.Load() + a.among.header)
	}
	if a.blind.Load() {
		clear(p[:n])
	}
	return n, err
}

// Write is bounded, also in the midst of a request that waits for a person and says so.
func (a *admitted) Write(p []byte) (int, error) {
	patience := a.among.write
	if a.calm.Load() {
		patience = a.among.stream
	}
	due := a.due.Swap(a.among.clock.Load() + patience)
	defer a.due.Store(due)
	if a.refused != 0 {
		return a.writeRefusal(p)
	}
	return a.Conn.Write(p)
}

// writeRefusal writes the beginning of a refusal, with its reason.
func (a *admitted) writeRefusal(p []byte) (int, error) {
	worded, ok := statusline.Reword(p, a.refused, a.reason)
	if ok {
		a.refused, a.reason = 0, ""
	}
	n, err := a.Conn.Write(worded)
	return min(max(n-(len(worded)-len(p)), 0), len(p)), err
}

// begin notes that a request has come in full.
func (a *admitted) begin() {
	a.refused, a.reason = 0, ""
	a.idle.Store(false)
	a.due.Store(never)
}

// wipe clears what has come, and has the connection go blind. It is for the end of a
// connection: a request that has come behind the present one is lost. Only the goroutine
// that reads requests may call it, and the requests' handlers, which run in it.
func (a *admitted) wipe() {
	a.blind.Store(true)
	clear(a.buffer)
}

// finish notes that the answer is under way. What net/http still does, such as reading the
// rest of a body, is bounded by the time for writing.
func (a *admitted) finish() {
	a.calm.Store(false)
	a.due.Store(a.among.clock.Load() + a.among.write)
}
