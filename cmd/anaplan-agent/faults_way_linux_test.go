//go:build cgo

package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"golang.org/x/sys/unix"
)

// way carries connections from the agent to an Anaplan, and can be blocked.
type way struct {
	url    string
	to     string // host and port
	t      *testing.T
	mu     sync.Mutex
	block  func(net.Conn) // gets each new connection in place of Anaplan; nil: nothing blocks it
	met    int            // connections that were blocked
	open   map[net.Conn]bool
	listen net.Listener
	let    func() // lets go of the port while nobody listens on it
	all    sync.WaitGroup
}

func newWay(t *testing.T, to *weatherServer) *way {
	w := &way{t: t, to: strings.TrimPrefix(to.server.URL, "https://"), open: map[net.Conn]bool{}}
	w.accept("127.0.0.1:0")
	w.url = "https://" + w.listen.Addr().String()
	t.Cleanup(func() {
		w.listen.Close()
		w.cut(nil)
		w.all.Wait()
	})
	return w
}

// accept listens at an address.
func (w *way) accept(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		w.t.Error(err)
		return
	}
	w.mu.Lock()
	w.listen = listener
	w.mu.Unlock()
	w.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() { w.carry(conn) })
		}
	})
}

// carry serves one connection.
func (w *way) carry(conn net.Conn) {
	w.keep(conn)
	defer w.drop(conn)
	if block := w.blocked(); block != nil {
		block(conn)
		return
	}
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	w.keep(far)
	defer w.drop(far)
	w.all.Go(func() {
		io.Copy(far, conn)
		far.Close()
	})
	io.Copy(conn, far)
}

func (w *way) keep(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[conn] = true
}

func (w *way) drop(conn net.Conn) {
	conn.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, conn)
}

func (w *way) blocked() func(net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.block != nil {
		w.met++
	}
	return w.block
}

// cut closes the connections that there are, and has block get the next ones.
func (w *way) cut(block func(net.Conn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.block, w.met = block, 0
	for conn := range w.open {
		conn.Close()
	}
}

func (w *way) hasMet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.met > 0
}

// close refuses connections, and reopen takes them again.
func (w *way) close() {
	w.listen.Close()
	w.let = refuseAt(w.t, w.listen.Addr().String())
	w.cut(nil)
}

func (w *way) reopen() {
	w.let()
	w.accept(strings.TrimPrefix(w.url, "https://"))
}

// refuseAt holds a port on which nobody listens any more, so that connections to it are refused and no
// other program is given it. It returns what lets go of it. A process that is just being started has a
// copy of the socket that listened, until it is another program.
func refuseAt(t interface{ Fatal(...any) }, address string) (let func()) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // there were connections
	}
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(enough); ; time.Sleep(time.Millisecond) {
		err := unix.Bind(socket, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())})
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	return func() { unix.Close(socket) }
}

// What blocks a way.
func silence(conn net.Conn) { io.Copy(io.Discard, conn) }

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func plainHTTP(conn net.Conn) {
	io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
	io.Copy(io.Discard, conn)
}

// another returns a blockade that is a server with another authority's certificate.
func another(t *testing.T) func(net.Conn) {
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return func(conn net.Conn) {
		io.Copy(io.Discard, tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}))
	}
}
