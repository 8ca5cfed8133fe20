package server

import (
	"container/list"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// gate counts connections and requests by caller, for all listeners of a Server.
type gate struct {
	limits Limits
	admin  func(local.Peer) bool
	known  func(*caller) bool // whether a user of the machine may use anything here

	mu       sync.Mutex
	open     int
	surplus  int
	accounts map[string]*account
	room     chan struct{} // has one when a stranger may have made room
}

func newGate(limits Limits, admin func(local.Peer) bool, known func(*caller) bool) *gate {
	return &gate{limits: limits, admin: admin, known: known, accounts: map[string]*account{}, room: make(chan struct{}, 1)}
}

// account is what a user, a client, or all strangers over TCP together have of the agent.
type account struct {
	open      int
	strangers list.List // callers, in the order in which they came; they count in open, too
	bucket    *rate.Limiter
}

// oldest returns the stranger that came first; nil if there is none.
func (a *account) oldest() *caller {
	if front := a.strangers.Front(); front != nil {
		return front.Value.(*caller)
	}
	return nil
}

// caller is one connection and its peer. HTTP/1.1 answers the requests of a connection one after
// the other, so its memory needs no lock.
type caller struct {
	peer    local.Peer
	network bool // it came over TCP: the kernel does not tell its user
	mutual  bool // it came from another machine, which shows a certificate
	admin   bool
	surplus bool // one connection too many: it is only told so
	known   bool // it may do something; the others are strangers
	bucket  *rate.Limiter

	conn  io.Closer
	since time.Time

	remote *mutualtls.Peer // who it is by its certificate; nil: nobody yet, or it is of this machine

	// The gate's own, under its lock.
	account *account
	place   *list.Element // among the strangers
	left    bool

	// What was decided last. A change of policy makes a new Profile.
	profile *Profile
	allowed bool
}

// may reports whether the caller may use the profile.
func (c *caller) may(profile *Profile) bool {
	if c.profile != profile {
		c.profile, c.allowed = profile, c.admin || !c.network && profile.Allow != nil && profile.Allow(c.peer)
	}
	return c.allowed
}

// is reports whether the caller is that client by its user or its certificate.
func (c *caller) is(client *Client) bool {
	if c.mutual {
		return client.isOneOf(c.remote.Names)
	}
	return !c.network && client.Users != nil && client.Users(c.peer)
}

// Accounts of all connections together that come over TCP and have not shown a secret, and of those
// from other machines that have not shown a certificate.
const (
	strangers       = "strangers"
	remoteStrangers = "strangers on other machines"
)

// stranger names the account of a caller of whom nothing more is known.
func (c *caller) stranger() string {
	switch {
	case c.mutual:
		return remoteStrangers
	case c.network:
		return strangers
	}
	return userName(c.peer)
}

// admit makes a caller of a peer; nil if there is no room even to say that there is none, or if
// there may be some after a while.
func (g *gate) admit(peer local.Peer, conn io.Closer, network, mutual bool) (c *caller, wait time.Duration) {
	c = &caller{peer: peer, network: network, mutual: mutual, admin: !network && g.admin(peer), conn: conn, since: time.Now()}
	c.known = !network && g.known(c)
	oldest, wait := g.enter(c)
	if oldest != nil {
		oldest.conn.Close()
	}
	if c.account == nil && !c.surplus {
		return nil, wait
	}
	return c, 0
}

// enter gives the caller a place; if need be that of the oldest stranger, which must then be
// closed.
func (g *gate) enter(c *caller) (oldest *caller, wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	who := g.accountLocked(c.stranger())
	c.bucket = who.bucket
	if oldest = g.inTheWayLocked(c, who); oldest != nil {
		if wait = g.limits.StrangerTime - c.since.Sub(oldest.since); wait > 0 && oldest.network && !c.known {
			return nil, wait
		}
		g.leaveLocked(oldest)
	}
	switch full := g.open >= g.limits.Connections || who.open >= g.limits.UserConnections; {
	case !full:
		g.open++
		who.open++
		c.account = who
		if !c.known {
			c.place = who.strangers.PushBack(c)
		}
	case g.surplus < surplusConnections:
		g.surplus++
		c.surplus = true
	}
	return oldest, 0
}

// inTheWayLocked returns the stranger that must go for a newcomer with that account; nil if there
// is room.
func (g *gate) inTheWayLocked(newcomer *caller, who *account) *caller {
	full := g.open >= g.limits.Connections
	own := who.oldest()
	switch {
	case !newcomer.known && own != nil && (full || who.strangers.Len() >= g.limits.Strangers):
		return own
	case !full:
		return nil
	}
	most := who
	for _, other := range g.accounts {
		if other.strangers.Len() > most.strangers.Len() {
			most = other
		}
	}
	return most.oldest()
}

// introduce moves a stranger that has shown a secret to its own account, and reports whether that
// has room.
func (g *gate) introduce(c *caller, name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.left { // its place was needed a moment ago
		return true
	}
	who := g.accountLocked(name)
	if who != c.account && who.open >= g.limits.UserConnections {
		return false
	}
	c.account.strangers.Remove(c.place)
	c.account.open--
	who.open++
	c.account, c.bucket, c.place, c.known = who, who.bucket, nil, true
	g.tellLocked()
	return true
}

// accountLocked returns the account of that name. A new one first sweeps out those that
// would be the same if they were made again.
func (g *gate) accountLocked(name string) *account {
	if who := g.accounts[name]; who != nil {
		return who
	}
	for other, who := range g.accounts {
		if who.open == 0 && who.bucket.Tokens() >= float64(who.bucket.Burst()) {
			delete(g.accounts, other)
		}
	}
	limit, burst := g.limits.Rate, g.limits.Burst
	if name == strangers || name == remoteStrangers {
		limit, burst = limit/strangersShare, max(burst/strangersShare, costAct)
	}
	who := &account{bucket: rate.NewLimiter(rate.Limit(limit), burst)}
	g.accounts[name] = who
	return who
}

// release undoes admit.
func (g *gate) release(c *caller) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.surplus {
		g.surplus--
		return
	}
	g.leaveLocked(c)
}

// leaveLocked gives the place of a caller back, once.
func (g *gate) leaveLocked(c *caller) {
	if c.left {
		return
	}
	c.left = true
	g.open--
	c.account.open--
	if c.place != nil {
		c.account.strangers.Remove(c.place)
		g.tellLocked()
	}
}

// tellLocked tells the waiting that there may be room.
func (g *gate) tellLocked() {
	select {
	case g.room <- struct{}{}:
	default:
	}
}

func (g *gate) connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// door is a listener that lets in the callers that the gate admits.
type door struct {
	net.Listener
	gate   *gate
	guard  *mutualtls.Guard // nil: its callers are on this machine
	among  *connections
	log    *slog.Logger
	closed chan struct{}
	once   sync.Once

	patience time.Duration  // since accepting fails
	spoken   rate.Sometimes // that it was logged
}

// Accept returns the next caller. It does not end for want of descriptors or memory, for
// that passes; callers wait meanwhile.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		switch {
		case err == nil:
			d.patience = 0
			if caller := d.letIn(conn); caller != nil {
				return caller, nil
			}
		case neterror.IsGone(err):
		case !neterror.IsShortage(err):
			return nil, err
		default:
			d.rest(err)
		}
	}
}

// Close ends Accept.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}

// rest waits before the next try, longer each time. Where connections come and go at the
// limit this happens all the time, so it is logged once a minute.
func (d *door) rest(err error) {
	d.spoken.Do(func() { d.log.Warn("no more connections can be accepted for now", "error", err) })
	d.patience = min(max(2*d.patience, 5*time.Millisecond), time.Second)
	d.pause(d.patience, nil)
}

// pause waits for a time, or until early has something, and reports whether the door is still open.
func (d *door) pause(wait time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-d.closed:
		return false
	}
	return true
}

// letIn returns the connection as a caller's, or nil and has closed it. What is written
// to a connection this young fits its buffer, so nothing waits here.
func (d *door) letIn(conn net.Conn) net.Conn {
	peer, err := d.ask(conn)
	if err != nil {
		d.log.Warn("a caller is turned away", "error", err)
		conn.Close()
		return nil
	}
	admit := func() (*caller, time.Duration) { return d.gate.admit(peer, conn, isNetwork(conn), d.guard != nil) }
	caller, wait := admit()
	for wait > 0 && d.pause(wait, d.gate.room) {
		caller, wait = admit()
	}
	if caller == nil {
		if d.guard == nil { // else what is said is in TLS
			conn.Write(cannedTooMany())
		}
		conn.Close()
		return nil
	}
	one := &admitted{
		Conn:   conn,
		caller: caller,
		among:  d.among,
		leave:  sync.OnceFunc(func() { d.gate.release(caller) }),

		networkUser: sync.OnceValue(func() int { return local.UserOfTCP(conn.RemoteAddr(), conn.LocalAddr()) }),
	}
	if d.guard != nil {
		one.protect(d.guard)
	}
	return one
}

// ask returns the peer at the other end. Over TCP it is not known.
func (d *door) ask(conn net.Conn) (local.Peer, error) {
	if isNetwork(conn) {
		return local.Peer{UID: local.Nobody}, nil
	}
	return local.PeerOf(conn)
}

// isNetwork reports whether a connection is one over TCP.
func isNetwork(conn net.Conn) bool {
	_, tcp := conn.LocalAddr().(*net.TCPAddr)
	return tcp
}
