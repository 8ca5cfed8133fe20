package local

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// gate counts connections and requests by user, for all listeners of a Server.
type gate struct {
	limits Limits
	admin  func(Peer) bool

	mu      sync.Mutex
	open    int
	surplus int
	users   map[int]*account
}

// account is what a user has of the agent.
type account struct {
	open   int
	bucket *rate.Limiter
}

// caller is one connection and who is at the other end. HTTP/1.1 answers the requests of a
// connection one after the other, so its memory needs no lock.
type caller struct {
	peer    Peer
	user    int  // whose account it is
	network bool // it came over TCP: the kernel does not say who it is
	admin   bool
	surplus bool // one connection too many: it is only told so
	bucket  *rate.Limiter

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

// is reports whether the caller is a user who is that client.
func (c *caller) is(client *Program) bool {
	return !c.network && client.Users != nil && client.Users(c.peer)
}

// everybodyOverTCP is the user whom all have in common who come over TCP.
const everybodyOverTCP = -2

// admit makes a caller of a peer; nil if there is no room even to say that there is none.
// All who come over TCP count as one user.
func (g *gate) admit(peer Peer, network bool) *caller {
	admin := !network && g.admin(peer)
	g.mu.Lock()
	defer g.mu.Unlock()
	user := peer.UID
	if network {
		user = everybodyOverTCP
	}
	who := g.accountLocked(user)
	full := g.open >= g.limits.Connections || who.open >= g.limits.UserConnections
	switch {
	case !full:
		g.open++
		who.open++
	case g.surplus < surplusConnections:
		g.surplus++
	default:
		return nil
	}
	return &caller{peer: peer, user: user, network: network, admin: admin, surplus: full, bucket: who.bucket}
}

// accountLocked returns the account of a user. A new one first sweeps out those that a
// user without connections would get again just so.
func (g *gate) accountLocked(uid int) *account {
	if who := g.users[uid]; who != nil {
		return who
	}
	for id, who := range g.users {
		if who.open == 0 && who.bucket.Tokens() >= float64(g.limits.Burst) {
			delete(g.users, id)
		}
	}
	who := &account{bucket: rate.NewLimiter(rate.Limit(g.limits.Rate), g.limits.Burst)}
	g.users[uid] = who
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
	g.open--
	g.users[c.user].open--
}

func (g *gate) connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

// door is a listener that lets in whom the gate admits.
type door struct {
	net.Listener
	gate   *gate
	among  *connections
	log    *slog.Logger
	closed chan struct{}
	once   sync.Once

	patience time.Duration // since accepting fails
	spoken   time.Time     // when that was last logged
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
		case errors.Is(err, syscall.ECONNABORTED):
		case !passes(err):
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

// shortages are the errors of accept(2) that pass.
var shortages = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}

func passes(err error) bool {
	return slices.ContainsFunc(shortages, func(shortage error) bool { return errors.Is(err, shortage) })
}

// rest waits before the next try, longer each time. Where connections come and go at the
// limit this happens all the time, so it is logged once a minute.
func (d *door) rest(err error) {
	if now := time.Now(); now.Sub(d.spoken) >= time.Minute {
		d.spoken = now
		d.log.Warn("no more connections can be accepted for now", "error", err)
	}
	d.patience = min(max(2*d.patience, 5*time.Millisecond), time.Second)
	timer := time.NewTimer(d.patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.closed:
	}
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
	_, unix := conn.(*net.UnixConn)
	caller := d.gate.admit(peer, !unix)
	if caller == nil {
		conn.Write(cannedTooMany())
		conn.Close()
		return nil
	}
	return &admitted{
		stream: conn.(stream),
		caller: caller,
		among:  d.among,
		leave:  sync.OnceFunc(func() { d.gate.release(caller) }),
	}
}

// ask returns who is at the other end. Of who comes over TCP that is not known.
func (d *door) ask(conn net.Conn) (Peer, error) {
	if unix, ok := conn.(*net.UnixConn); ok {
		return peerOf(unix)
	}
	return Peer{UID: nobody}, nil
}
