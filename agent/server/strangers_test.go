package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// few is less than the attackers want. A stranger has longer than usual, so that a busy machine
// does not make a client one.
var few = server.Limits{Connections: 240, Strangers: 200, StrangerTime: 2 * time.Second, Rate: 10_000, Burst: 10_000}

// attacks are what somebody without a secret can do with a connection, over and over. Each returns
// when the connection is closed.
var attacks = map[string]func(net.Conn, string){
	"idle": func(conn net.Conn, _ string) { io.Copy(io.Discard, conn) },
	"slow header": func(conn net.Conn, host string) {
		trickle(conn, "GET /healthz HTTP/1.1\r\nHost: "+host+"\r\nX: "+strings.Repeat("x", 1000))
	},
	"slow body": func(conn net.Conn, host string) {
		io.WriteString(conn, "POST /token/authenticate HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 60000\r\n\r\n")
		trickle(conn, strings.Repeat("x", 60000))
	},
	"slow upload": func(conn net.Conn, host string) {
		io.WriteString(conn, "PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: "+host+"\r\n"+basic("nightly", "wrong")+"\r\nContent-Length: 60000\r\n\r\n")
		trickle(conn, strings.Repeat("x", 60000))
	},
	"kept": func(conn net.Conn, host string) {
		io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		io.Copy(io.Discard, conn)
	},
	"pipelined": func(conn net.Conn, host string) {
		request := "GET /healthz HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
		io.WriteString(conn, strings.Repeat(request, 100))
		trickle(conn, strings.Repeat(request, 100))
	},
	"pipelined and read": func(conn net.Conn, host string) {
		io.WriteString(conn, strings.Repeat("GET /healthz HTTP/1.1\r\nHost: "+host+"\r\n\r\n", 100))
		io.Copy(io.Discard, conn)
	},
}

// trickle sends a text a byte at a time.
func trickle(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
}

// attack keeps so many connections to the address busy with an attack until the test ends, and
// opens a new one for each that is closed.
func attack(t *testing.T, address string, connections int, with func(net.Conn, string)) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var dialer net.Dialer
	for range connections {
		running.Go(func() {
			for ctx.Err() == nil {
				conn, err := dialer.DialContext(ctx, "tcp", address)
				if err != nil {
					continue
				}
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				with(conn, address)
				conn.Close()
				stop()
			}
		})
	}
	t.Cleanup(func() { cancel(); running.Wait() })
}

// Callers without a secret cannot keep out those with one: with each connection a client logs in,
// or makes its call.
func TestStrangersKeepNobodyOut(t *testing.T) {
	for name, with := range attacks {
		t.Run(name, func(t *testing.T) {
			f := forwards(t, func(c *server.Config, _ *forwardRig) { c.Limits = few })
			attack(t, f.address, few.Strangers+25, with)
			eventually(t, "they have taken what they can", func() bool { return f.Connections() >= few.Strangers/2 })
			token := bearer(f.login(t))
			var clients sync.WaitGroup
			for range 4 {
				clients.Go(func() {
					f.mustBeServed(t, "POST", "/token/authenticate", nightly, 201)
					f.mustBeServed(t, "GET", "/2/0/models/M", token, 200)
				})
			}
			clients.Wait()
		})
	}
}

// mustBeServed makes a request on a connection of its own. How long that takes depends on how busy
// the machine is; without a bound it would be for ever, or an error at once.
func (f *forwardRig) mustBeServed(t *testing.T, method, target, header string, want int) {
	t.Helper()
	began := time.Now()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(began.Add(patience))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", method, target, f.address, header)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%s %s after %v: %v", method, target, time.Since(began), err)
		return
	}
	response.Body.Close()
	if took := time.Since(began); response.StatusCode != want || took > patience {
		t.Errorf("%s %s: %d after %v", method, target, response.StatusCode, took)
	}
}

// What clients with a secret hold open is not touched by strangers, also if they are in no hurry.
func TestStrangersDoNotDisturbThoseWhoAreIn(t *testing.T) {
	f := forwards(t, func(c *server.Config, _ *forwardRig) {
		c.Limits = server.Limits{Connections: 64, StrangerTime: 10 * time.Millisecond}
	})
	token := bearer(f.login(t))
	var conns []*raw
	for range 20 {
		conn := f.dialTCP(t)
		conn.send("GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\n" + token + "\r\n\r\n")
		if got := conn.receive(); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		conns = append(conns, conn)
	}
	var closed atomic.Int64
	attack(t, f.address, 200, func(conn net.Conn, _ string) { io.Copy(io.Discard, conn); closed.Add(1) })
	eventually(t, "strangers make room for strangers", func() bool { return closed.Load() > 500 })
	for _, conn := range conns {
		conn.send("GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\n" + token + "\r\n\r\n")
		if got := conn.receive(); got.status != 200 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// A stranger that has made room gives its place back once.
func TestStrangersAreCountedOnce(t *testing.T) {
	f := forwards(t, func(c *server.Config, _ *forwardRig) {
		c.Limits = server.Limits{Connections: 64, Strangers: 2, StrangerTime: time.Millisecond}
	})
	var conns []*raw
	for range 6 {
		conns = append(conns, f.dialTCP(t))
	}
	for _, conn := range conns[:4] {
		conn.ends()
	}
	if got := f.Connections(); got != 2 {
		t.Errorf("%d connections, want 2", got)
	}
	for _, conn := range conns[4:] {
		conn.Close()
	}
	eventually(t, "their places are free", func() bool { return f.Connections() == 0 })
}

// Requests without a secret use up an allowance of their own.
func TestStrangersUseUpNoClientsAllowance(t *testing.T) {
	f := forwards(t, func(c *server.Config, _ *forwardRig) { c.Limits = server.Limits{Rate: 0.001, Burst: 20_000} })
	conn := f.dialTCP(t)
	go io.WriteString(conn, strings.Repeat("GET /healthz HTTP/1.1\r\nHost: "+f.address+"\r\n\r\n", 2001))
	for i := range 2001 {
		want := http.StatusOK
		if i == 2000 {
			want = http.StatusTooManyRequests
		}
		if got := conn.receive(); got.status != want {
			t.Fatalf("request %d of a stranger: %d %s, want %d", i, got.status, got.body, want)
		}
	}
	conn.ends()
	f.mustBeServed(t, "POST", "/token/authenticate", nightly, 201)
}

// One client cannot take the connections of another.
func TestClientHasItsOwnConnections(t *testing.T) {
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		c.Limits = server.Limits{Connections: 40, UserConnections: 5}
		other := *f.client
		c.Clients = func() map[string]*server.Client {
			return map[string]*server.Client{"nightly": f.client, "other": &other}
		}
	})
	token := bearer(f.login(t))
	eventually(t, "that is gone", func() bool { return f.Connections() == 0 })
	for i := range 6 {
		conn := f.dialTCP(t)
		conn.send("GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\n" + token + "\r\n\r\n")
		want := 200
		if i == 5 {
			want = 503
		}
		if got := conn.receive(); got.status != want {
			t.Errorf("connection %d: %d %s", i, got.status, got.body)
		}
	}
	f.mustBeServed(t, "POST", "/token/authenticate", basic("other", clientSecret), 201)
}
