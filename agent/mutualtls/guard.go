package mutualtls

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"golang.org/x/time/rate"
)

// Guard has the connections of a listener speak TLS, and tells the log of callers that do not get in.
type Guard struct {
	identity *Identity
	tls      *tls.Config
	log      *slog.Logger
	spoken   *rate.Limiter
}

// Guard returns a Guard for callers on other machines.
func (i *Identity) Guard() *Guard {
	return &Guard{identity: i, tls: i.Server(), log: i.log, spoken: rate.NewLimiter(rate.Every(time.Second), 10)}
}

// Conn is the connection of a caller on another machine.
type Conn struct {
	*tls.Conn
	guard *Guard
}

// Protect returns a connection within another. The handshake is made with the first read, in the
// goroutine of that.
func (g *Guard) Protect(conn net.Conn) *Conn {
	return &Conn{Conn: tls.Server(conn, g.tls), guard: g}
}

// Read implements io.Reader.
func (c *Conn) Read(to []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		c.guard.turnAway(c.RemoteAddr(), err)
		return 0, err
	}
	return c.Conn.Read(to)
}

// turnAway logs why somebody does not get in. A port that is only looked at, as load balancers do, is
// nobody's concern. Everybody can cause such lines, so there are only so many.
func (g *Guard) turnAway(from net.Addr, err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || !g.spoken.Allow() {
		return
	}
	g.log.Warn("a caller on another machine is turned away", "address", HostOf(from), "error", Explain(err))
}

// Peer returns who it is, by a certificate that a CA has vouched for; somebody without a name if there
// was no handshake yet.
func (c *Conn) Peer() *Peer {
	state := c.ConnectionState()
	if !state.HandshakeComplete || len(state.PeerCertificates) == 0 {
		return &Peer{}
	}
	leaf := state.PeerCertificates[0]
	return &Peer{Names: NamesOf(leaf), Shown: shownNames(leaf), chain: state.PeerCertificates}
}

// HostOf returns an address without its port.
func HostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}

// Dial connects to an address and makes the handshake: there must be somebody with a certificate for
// the host, or with one of the names, as of Client. The error says what is wrong in words. That the other
// side refuses this one's certificate shows with the first read.
func (i *Identity) Dial(ctx context.Context, address, host string, names ...string) (*tls.Conn, error) {
	config, err := i.Client(host, names...)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	within := tls.Client(conn, config)
	if err := within.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, Explain(err)
	}
	return within, nil
}
