package anaplan

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// host is a server with TLS that says what comes of its connections.
type host struct {
	*httptest.Server
	ca       *anaplantest.CA
	requests atomic.Int64
	opened   chan net.Conn // connections whose handshake has begun
	shaken   chan net.Conn // those whose handshake is over
	closed   chan net.Conn
	drops    atomic.Int64 // how many are closed after their handshake
	hold     sync.RWMutex // held by who wants handshakes to wait
}

func newHost(t *testing.T) *host {
	h := &host{ca: authority(t), opened: make(chan net.Conn, 9), shaken: make(chan net.Conn, 9), closed: make(chan net.Conn, 9)}
	cert, err := h.ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		http.NotFound(w, r)
	}))
	h.Listener = shaking{h.Listener, h, &tls.Config{Certificates: []tls.Certificate{cert}, GetConfigForClient: h.open}}
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.Start()
	h.URL = strings.Replace(h.URL, "http:", "https:", 1)
	t.Cleanup(h.Close)
	return h
}

// open notes a handshake, and has it wait for hold.
func (h *host) open(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	h.opened <- hello.Conn
	h.hold.RLock()
	defer h.hold.RUnlock()
	return nil, nil
}

// shaking are a host's connections after their handshake.
type shaking struct {
	net.Listener
	host   *host
	config *tls.Config
}

func (s shaking) Accept() (net.Conn, error) {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			return nil, err
		}
		secure := tls.Server(conn, s.config)
		if secure.Handshake() == nil && s.host.drops.Add(-1) < 0 {
			s.host.shaken <- conn
			return noticed{secure, s.host.closed}, nil
		}
		secure.Close()
		s.host.closed <- conn
	}
}

// client returns a client of the host that tries once.
func (h *host) client(t *testing.T) *Client {
	client, err := New(Config{AuthURL: h.URL, Roots: h.ca.Pool, Retry: Retry{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Disconnect)
	return client
}

// answered fails the test unless the host answers the client, which has made so many requests
// by then.
func (h *host) answered(t *testing.T, client *Client, requests int64) {
	t.Helper()
	if _, err := client.Validate(t.Context(), aToken); !isAnswer(err) {
		t.Errorf("error %v, want the host's", err)
	}
	if got := h.requests.Load(); got != requests {
		t.Errorf("%d requests, want %d", got, requests)
	}
}

func isAnswer(err error) bool {
	_, ok := errors.AsType[*AnswerError](err)
	return ok
}

// next returns what comes.
func next(t *testing.T, conns <-chan net.Conn) net.Conn {
	t.Helper()
	select {
	case conn := <-conns:
		return conn
	case <-time.After(2 * time.Minute):
		t.Fatal("nothing comes")
		return nil
	}
}

// The connection is there before a call, which takes it, as the following ones do.
func TestConnect(t *testing.T) {
	h := newHost(t)
	client := h.client(t)
	client.Connect(t.Context())
	next(t, h.shaken)
	h.answered(t, client, 1)
	client.Connect(t.Context())
	h.answered(t, client, 2)
	if len(h.shaken) > 0 {
		t.Error("there is a second connection")
	}
}

// A call waits for a connection that is not ready, and makes none of its own.
func TestConnectIsWaitedFor(t *testing.T) {
	h := newHost(t)
	client := h.client(t)
	h.hold.Lock()
	client.Connect(t.Context())
	next(t, h.opened)
	time.AfterFunc(50*time.Millisecond, h.hold.Unlock)
	h.answered(t, client, 1)
	if len(h.opened) > 0 {
		t.Error("there is a second connection")
	}
}

// A call has a connection of its own if the one before it was dropped.
func TestConnectDropped(t *testing.T) {
	h := newHost(t)
	client := h.client(t)
	h.drops.Store(1)
	closed := make(chan net.Conn, 9)
	dial := client.ours.DialContext
	client.ours.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return noticed{conn, closed}, err
	}
	client.Connect(t.Context())
	next(t, closed) // before, nobody could tell a request that was not received from one that was
	h.answered(t, client, 1)
	if got := len(h.opened); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// noticed is a connection that says when it is closed.
type noticed struct {
	net.Conn
	closed chan<- net.Conn
}

func (n noticed) Close() error {
	n.closed <- n.Conn
	return n.Conn.Close()
}

// A call has a connection of its own if the one before it could not be made.
func TestConnectFailed(t *testing.T) {
	h := newHost(t)
	client := h.client(t)
	var dials atomic.Int64
	dial := client.ours.DialContext
	client.ours.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil && dials.Add(1) == 1 {
			conn.Close()
		}
		return conn, err
	}
	client.Connect(t.Context())
	h.answered(t, client, 1)
}

// Nothing stays of a connection that is not needed, made or not.
func TestDisconnect(t *testing.T) {
	for _, ready := range []bool{true, false} {
		h := newHost(t)
		client := h.client(t)
		if !ready {
			h.hold.Lock()
		}
		client.Connect(t.Context())
		next(t, h.opened)
		if ready {
			next(t, h.shaken)
		}
		client.Disconnect()
		if !ready {
			h.hold.Unlock()
		}
		next(t, h.closed)
		if got := h.requests.Load(); got != 0 {
			t.Errorf("ready: %v: %d requests", ready, got)
		}
	}
}

// Where the time is up nothing is dialled; after a call there is nothing to be done.
func TestConnectTooLate(t *testing.T) {
	h := newHost(t)
	client := h.client(t)
	ended, end := context.WithCancel(t.Context())
	end()
	client.Connect(ended)
	h.answered(t, client, 1)
	client = h.client(t)
	h.answered(t, client, 2)
	client.Connect(t.Context())
	h.answered(t, client, 3)
	if got := len(h.opened); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
}

// A proxy is connected through as for a call.
func TestConnectThroughProxy(t *testing.T) {
	h := newHost(t)
	var tunnels atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnels.Add(1)
		tunnel(w, r.Host)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := h.client(t)
	client.ours.Proxy = http.ProxyURL(address)
	client.Connect(t.Context())
	next(t, h.shaken)
	h.answered(t, client, 1)
	if got := tunnels.Load(); got != 1 {
		t.Errorf("%d tunnels", got)
	}
}

// A service that is not to be trusted is told as such.
func TestConnectUntrusted(t *testing.T) {
	h := newHost(t)
	client, err := New(Config{AuthURL: h.URL, Roots: authority(t).Pool, Retry: Retry{Attempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	client.Connect(t.Context())
	if _, err := client.Validate(t.Context(), aToken); !errors.Is(err, ErrUntrusted) {
		t.Errorf("error %v, want ErrUntrusted", err)
	}
}
