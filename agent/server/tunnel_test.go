package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
	ways "github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// elsewhere is a host that is not Anaplan's.
type elsewhere struct {
	net.Listener
	conns chan net.Conn // that came
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := &elsewhere{listener, make(chan net.Conn, 64)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(patience))
			host.conns <- conn
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
		for close(host.conns); len(host.conns) > 0; {
			(<-host.conns).Close()
		}
	})
	return host
}

// tunnels is a server whose tunnels lead to one host, whatever it is called.
func tunnels(t *testing.T, host *elsewhere, change func(*server.Config, *forwardRig)) (*interceptRig, *recordList) {
	t.Helper()
	counted := &recordList{}
	return intercepts(t, func(c *server.Config, f *forwardRig) {
		c.Tunnelled = func(r server.Record) { counted.add(r) }
		c.Tunnel = func(ctx context.Context, target tunnel.Target) (net.Conn, error) {
			if err := target.Check(); err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, "tcp", host.Addr().String())
		}
		if change != nil {
			change(c, f)
		}
	}), counted
}

// TestTunnel: to another host all goes through as it is, each way to its own end, and a line says how
// much that was.
func TestTunnel(t *testing.T) {
	host := newElsewhere(t)
	r, counted := tunnels(t, host, nil)
	conn := r.dialTCP(t)
	conn.send("CONNECT example.com:8443 HTTP/1.1\r\nHost: example.com\r\n" + proxyBasic("nightly", clientSecret) + "\r\n\r\nearly ")
	if line, err := conn.reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200 ") {
		t.Fatalf("%q %v", line, err)
	}
	conn.reader.ReadString('\n')
	far := <-host.conns
	defer far.Close()
	if got := r.Tunnels(); got != 1 {
		t.Errorf("%d tunnels are open", got)
	}
	conn.send("and late")
	conn.Conn.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(far); err != nil || string(got) != "early and late" {
		t.Fatalf("%q %v", got, err)
	}
	io.WriteString(far, "GET /2/0/models/M HTTP/1.1\r\n\r\n")
	far.Close()
	if got, err := io.ReadAll(conn.reader); err != nil || string(got) != "GET /2/0/models/M HTTP/1.1\r\n\r\n" {
		t.Fatalf("%q %v", got, err)
	}
	eventually(t, "the tunnel has ended", func() bool { return r.Connections() == 0 })
	eventually(t, "its place is free", func() bool { return r.Tunnels() == 0 })
	eventually(t, "it is written down", func() bool { return len(r.records.of(server.ActionTunnel)) == 1 })
	got, want := r.records.of(server.ActionTunnel)[0], server.Call{Method: "CONNECT", Path: "example.com:8443", Status: 200, Sent: 14, Received: 30}
	if got.Call.Took = 0; got.Call != want || got.Client != "client:nightly" || got.Profile != "default" || got.Code != "" || !got.Network {
		t.Errorf("written down: %+v", got)
	}
	if all := counted.of(server.ActionTunnel); len(all) != 1 || all[0].Call.Sent != 14 {
		t.Errorf("counted: %+v", all)
	}
}

// TestNoTunnelUnrecorded: after a line that could not be written no tunnel is made, and once one can be
// written again it is.
func TestNoTunnelUnrecorded(t *testing.T) {
	host := newElsewhere(t)
	r, _ := tunnels(t, host, nil)
	mine := proxyBasic("nightly", clientSecret)
	r.records.fail(true)
	r.ask(t, "GET", "/v1/token", "") // whose line fails
	if got := r.connect(t, "example.com:443", mine); got.status != 507 || got.code() != agent.CodeAuditFailed || len(host.conns) != 0 {
		t.Errorf("%d %s, %d connections", got.status, got.body, len(host.conns))
	}
	r.records.fail(false)
	if got := r.connect(t, "example.com:443", mine); got.status != 200 {
		t.Errorf("afterwards: %d %s", got.status, got.body)
	}
}

// TestNoTunnel: what is refused says so, and nothing is dialled.
func TestNoTunnel(t *testing.T) {
	host := newElsewhere(t)
	r, _ := tunnels(t, host, nil)
	mine := proxyBasic("nightly", clientSecret)
	for target, want := range map[string]string{
		"127.0.0.1:443": "this machine", "localhost:8443": "this machine", "[::ffff:169.254.169.254]:80": "of the link", "example.com:25": "port 25",
	} {
		got := r.connect(t, target, mine)
		if got.status != 403 || got.code() != agent.CodeNotAllowed || !strings.Contains(got.body, want) || !strings.Contains(got.body, "NO_PROXY") {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
	if got := r.connect(t, "example.com:443", "X: y"); got.status != 407 {
		t.Errorf("without a password: %d %s", got.status, got.body)
	}
	if got := r.tcp(t, "GET", "http://example.com/", "", mine, "Host: example.com"); got.status != 403 || !strings.Contains(got.body, "NO_PROXY") {
		t.Errorf("a whole URL: %d %s", got.status, got.body)
	}
	if got := len(r.records.of(server.ActionDenied)); got < 4 || len(host.conns) != 0 {
		t.Errorf("%d lines, %d connections", got, len(host.conns))
	}
}

// TestOtherHostsRefused: a client that is for Anaplan's hosts only has no tunnel, and still those.
func TestOtherHostsRefused(t *testing.T) {
	host := newElsewhere(t)
	r, _ := tunnels(t, host, func(_ *server.Config, f *forwardRig) { f.client.RefuseOtherHosts = true })
	mine := proxyBasic("nightly", clientSecret)
	if got := r.connect(t, "example.com:443", mine); got.status != 403 || !strings.Contains(got.body, `other_hosts = \"refuse\" of client nightly allows no tunnel to example.com:443`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.connect(t, "api.anaplan.com:443", mine); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if len(host.conns) != 0 {
		t.Error("something was dialled")
	}
}

// TestTunnelUnreachable: the caller learns why, and so does the log.
func TestTunnelUnreachable(t *testing.T) {
	for want, err := range map[string]error{
		"there is no host of that name":     &net.DNSError{Name: "example.com", IsNotFound: true},
		"the proxy p:3128 does not connect": &ways.ProxyError{Host: "p:3128", Status: 407},
		"no answer came in time":            context.DeadlineExceeded,
		"strange":                           errors.New("strange"),
	} {
		r, _ := tunnels(t, newElsewhere(t), func(c *server.Config, _ *forwardRig) {
			c.Tunnel = func(context.Context, tunnel.Target) (net.Conn, error) { return nil, err }
		})
		got := r.connect(t, "example.com:443", proxyBasic("nightly", clientSecret))
		if got.status != 503 || got.code() != agent.CodeUnreachable || !strings.Contains(got.body, want) {
			t.Errorf("%v: %d %s", err, got.status, got.body)
		}
		eventually(t, "it is written down", func() bool { return len(r.records.of(server.ActionTunnel)) == 1 })
		if got := r.records.of(server.ActionTunnel)[0]; got.Code != agent.CodeUnreachable {
			t.Errorf("written down: %+v", got)
		}
	}
}

// TestTunnelsAreBounded: in number, and no client has all of them.
func TestTunnelsAreBounded(t *testing.T) {
	host := newElsewhere(t)
	r, _ := tunnels(t, host, func(c *server.Config, _ *forwardRig) { c.Limits.Tunnels = 3 })
	mine := proxyBasic("nightly", clientSecret)
	first, second := r.dialTCP(t), r.dialTCP(t)
	for _, conn := range []*raw{first, second} {
		if got := conn.connect("example.com:443", mine); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := r.connect(t, "example.com:443", mine); got.status != 429 || got.code() != agent.CodeTooMany {
		t.Errorf("%d %s", got.status, got.body)
	}
	other := r.dial(t)
	if got := other.connect("example.com:443"); got.status != 200 {
		t.Errorf("another user: %d %s", got.status, got.body)
	}
	first.Close()
	far := <-host.conns // it ends when it is told so, as servers do
	io.Copy(io.Discard, far)
	far.Close()
	eventually(t, "there is room again", func() bool { return r.connect(t, "example.com:443", mine).status == 200 })
}

// TestIdleTunnelsEnd: also those whose other end takes nothing.
func TestIdleTunnelsEnd(t *testing.T) {
	host := newElsewhere(t)
	r, _ := tunnels(t, host, func(c *server.Config, _ *forwardRig) { c.Limits.TunnelIdle = 200 * time.Millisecond })
	idle, stuffed := r.dialTCP(t), r.dialTCP(t)
	for _, conn := range []*raw{idle, stuffed} {
		if got := conn.connect("example.com:443", proxyBasic("nightly", clientSecret)); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	for piece := make([]byte, 1<<20); ; { // nobody reads
		if _, err := stuffed.Write(piece); err != nil {
			break
		}
	}
	idle.ends()
	for range 2 {
		far := <-host.conns
		io.Copy(io.Discard, far)
		far.Close()
	}
	eventually(t, "all have gone", func() bool { return r.Connections() == 0 })
}

// TestStopWithTunnels: they do not hold up the end.
func TestStopWithTunnels(t *testing.T) {
	host := newElsewhere(t)
	r, _ := tunnels(t, host, nil)
	conn := r.dial(t)
	if got := conn.connect("example.com:443"); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	far := <-host.conns
	defer far.Close()
	r.stop()
	ends(t, r.done)
	conn.ends()
	io.Copy(io.Discard, far)
	if len(r.records.of(server.ActionTunnel)) != 1 {
		t.Error("it is not written down")
	}
}
