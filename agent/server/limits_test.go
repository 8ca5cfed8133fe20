package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// short is the limits for tests that wait for one.
var short = server.Limits{HeaderTime: time.Second, BodyTime: time.Second, WriteTime: time.Second, IdleTime: time.Second}

func TestOversizedHeader(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{})})
	for _, request := range []string{
		"GET /v1/token HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 30<<10) + "\r\n\r\n",
		"GET /" + strings.Repeat("y", 30<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		conn := r.dial(t)
		go io.WriteString(conn.Conn, request)
		if got := conn.receive(); got.status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d %s", got.status, got.body)
		}
		conn.ends()
	}
	if got := r.ask(t, "GET", "/v1/token", "", "X: "+strings.Repeat("y", 15<<10)); got.status != http.StatusOK {
		t.Errorf("a header of 15 KiB: %d", got.status)
	}
}

func TestOversizedBody(t *testing.T) {
	t.Parallel()
	p := profile(t, &upstream{})
	p.SetPIN = func([]byte) { t.Error("the PIN is used") }
	r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p}), Limits: short})
	for _, framing := range []string{
		"Content-Length: 1000000000\r\n\r\n" + strings.Repeat("1", 2000),
		"Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + strings.Repeat("1", 2000) + "\r\n",
	} {
		conn := r.dial(t)
		conn.send("POST /v1/unlock HTTP/1.1\r\nHost: x\r\n" + framing)
		if got := conn.receive(); got.status != http.StatusRequestEntityTooLarge || got.code() != agent.CodeTooLarge {
			t.Errorf("%d %s", got.status, got.body)
		}
		conn.ends()
	}
}

// Each of these connections stops in the middle, and must be closed without an end of its own.
func TestSlowCallers(t *testing.T) {
	t.Parallel()
	p := profile(t, &upstream{})
	p.SetPIN = func([]byte) { t.Error("half a PIN is used") }
	r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p}), Limits: short})
	conns := map[string]*raw{}
	for name, request := range map[string]string{
		"silent":                "",
		"first header":          "GET /v1/token HT",
		"second header":         "GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/to",
		"idle":                  "GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n",
		"body":                  "POST /v1/unlock HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n1234",
		"chunked body":          "POST /v1/unlock HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n",
		"body that is not read": "GET /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n1234",
	} {
		conns[name] = r.dial(t)
		conns[name].send(request)
	}
	for name, conn := range conns {
		if !conn.ends() {
			t.Errorf("%s: it hangs", name)
		}
	}
}

func TestSlowBodyIsToldSo(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Limits: server.Limits{BodyTime: 50 * time.Millisecond}})
	conn := r.dial(t)
	conn.send("POST /v1/unlock HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n1234")
	if got := conn.receive(); got.code() != agent.CodeBadRequest || !strings.Contains(got.body, "50ms") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A caller that asks and asks, and does not read, fills the socket's buffer.
func TestSlowReader(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{value: strings.Repeat("t", 10_000)}), Limits: server.Limits{WriteTime: 50 * time.Millisecond}})
	conn := r.dial(t)
	request := strings.Repeat("GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n", 100)
	for err := error(nil); err == nil; {
		if _, err = io.WriteString(conn.Conn, request); err == nil {
			continue
		}
		if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
			t.Fatal("the connection is left hanging")
		}
	}
	eventually(t, "its place is free", func() bool { return r.Connections() == 0 })
}

// A caller that waits for a person may take longer than any of the limits.
func TestWaitingIsNotSlow(t *testing.T) {
	t.Parallel()
	waited, asked := make(chan struct{}), make(chan struct{})
	u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { close(asked); <-waited; return nil }}
	r := serve(t, server.Config{Profiles: one(t, u), Limits: short})
	conn := r.dial(t)
	const request = "GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n"
	conn.send(request)
	<-asked
	conn.send(request)
	r.dial(t).ends() // it says nothing, so more time than any limit has passed
	close(waited)
	for range 2 {
		if got := conn.receive(); got.status != http.StatusOK {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

func TestGarbage(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{})})
	for _, text := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "EHLO x\r\n", "\x00\x00\x00\x00\r\n\r\n",
		"GET /v1/token\r\n\r\n", "GET /v1/token HTTP/9.9\r\nHost: x\r\n\r\n", "GET /v1/token HTTP/1.1\r\n\r\n",
		"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1",
		"POST /v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
	} {
		conn := r.dial(t)
		conn.send(text)
		conn.CloseWrite()
		all, err := io.ReadAll(conn.reader)
		if err != nil || strings.Contains(string(all), " 200 ") || strings.Contains(string(all), "secret") {
			t.Errorf("%q: %v %s", text, err, all)
		}
	}
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != 200 {
		t.Errorf("then %d", got.status)
	}
}

// CloseWrite ends what is sent, and still reads.
func (c *raw) CloseWrite() { sentAll(c.Conn) }

func TestCallerDies(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { close(asked); <-goOn; return nil }}
	statuses := make(chan int, 2)
	r := serve(t, server.Config{Profiles: one(t, u), Observe: func(_ string, status int, _ time.Duration) { statuses <- status }})
	conn := r.dial(t)
	conn.send("GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n")
	<-asked
	conn.Close()
	if got := <-statuses; got != 499 {
		t.Errorf("status %d, want 499", got)
	}
	eventually(t, "its place is free", func() bool { return r.Connections() == 0 })
	close(goOn)
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != http.StatusOK || u.signs.Load() != 1 {
		t.Errorf("the next caller: %d, %d signatures", got.status, u.signs.Load())
	}
}

func TestTooManyConnections(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Limits: server.Limits{Connections: 3, UserConnections: 2}})
	first, second := r.dial(t), r.dial(t)
	eventually(t, "two connections", func() bool { return r.Connections() == 2 })

	// 64 more are asked for their request, and get the answer to it.
	for range 64 {
		conn := r.dial(t)
		conn.send("GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n")
		got := conn.receive()
		if got.status != 503 || got.code() != agent.CodeTooMany || got.header.Get("Retry-After") != "1" {
			t.Fatalf("%d %s %v", got.status, got.body, got.header)
		}
		conn.ends()
	}

	// So many that say nothing leave no place to wait; then there is an answer at once.
	var silent []*raw
	for range 64 {
		silent = append(silent, r.dial(t))
	}
	got := r.dial(t).receive()
	if got.status != 503 || got.code() != agent.CodeTooMany {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, conn := range append(silent, first) {
		conn.Close()
	}
	eventually(t, "a place is free", func() bool { return r.Connections() == 1 })
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != 200 {
		t.Errorf("with a place: %d %s", got.status, got.body)
	}
	second.send("GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := second.receive(); got.status != 200 {
		t.Errorf("the one that was there before: %d %s", got.status, got.body)
	}
}

func TestClientIsToldOfTooManyConnections(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Limits: server.Limits{Connections: 1, UserConnections: 1}})
	r.dial(t)
	eventually(t, "one connection", func() bool { return r.Connections() == 1 })
	_, err := r.client(t).Token(t.Context(), "default", nil)
	if problem, ok := err.(*agent.Problem); !ok || problem.Code != agent.CodeTooMany || problem.Wait != time.Second {
		t.Errorf("got %v", err)
	}
}

func TestRate(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Limits: server.Limits{Rate: 10, Burst: 2010}})
	for i, test := range []struct {
		method, target string
		status         int
	}{
		{"POST", "/v1/login", 200},
		{"POST", "/v1/login", 200},
		{"POST", "/v1/lock", 429},
		{"GET", "/v1/token", 200}, // there are a few left
	} {
		got := r.ask(t, test.method, test.target, "")
		if got.status != test.status || (got.status == 429) != (got.code() == agent.CodeTooMany) {
			t.Errorf("%d: %d %s, want %d", i, got.status, got.body, test.status)
		}
		// 990 are missing, less what has come since the first request.
		if wait, err := strconv.Atoi(got.header.Get("Retry-After")); got.status == 429 && (err != nil || wait < 1 || wait > 99) {
			t.Errorf("Retry-After is %d, %v, want 99 at most", wait, err)
		}
	}
}

func TestPlacesAreGivenBack(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Limits: server.Limits{Connections: 10, UserConnections: 10}})
	for range 100 {
		if got := r.ask(t, "GET", "/v1/token", ""); got.status != http.StatusOK {
			t.Fatalf("%d %s", got.status, got.body)
		}
		eventually(t, "its place is free", func() bool { return r.Connections() == 0 })
	}
}

func TestDrain(t *testing.T) {
	asked, goOn := make(chan struct{}), make(chan struct{})
	u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { close(asked); <-goOn; return nil }}
	r := serve(t, server.Config{Profiles: one(t, u)})
	idle, silent, waiting := r.dial(t), r.dial(t), r.dial(t)
	idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	idle.receive()
	waiting.send("GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n")
	<-asked
	eventually(t, "all are in", func() bool { return r.Connections() == 3 })

	r.stop()
	idle.ends()
	silent.ends()
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // by a pipe a caller waits
	defer cancel()
	if _, err := local.Dial(soon, r.socket); err == nil {
		t.Error("a new connection is taken")
	}
	close(goOn)
	if got := waiting.receive(); got.status != http.StatusOK {
		t.Errorf("the request under way: %d %s", got.status, got.body)
	}
	<-r.done
}

func TestDrainCutsOff(t *testing.T) {
	asked := make(chan struct{})
	u := &upstream{sign: func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
		close(asked)
		<-ctx.Done()
		return ctx.Err()
	}}
	statuses := make(chan string, 1)
	r := serve(t, server.Config{Profiles: one(t, u), Limits: server.Limits{Drain: 50 * time.Millisecond},
		Observe: func(route string, status int, _ time.Duration) { statuses <- fmt.Sprint(route, " ", status) }})
	conn := r.dial(t)
	conn.send("GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n")
	<-asked
	r.stop()
	<-r.done
	conn.ends()
	if got := <-statuses; got != "/v1/token 503" {
		t.Errorf("the request under way: %s", got)
	}
	if !strings.Contains(r.log.String(), "cut off") {
		t.Errorf("the log says nothing:\n%s", r.log)
	}
}

func TestServeOnlyToThisMachine(t *testing.T) {
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.New(server.Config{}).Serve(t.Context(), listener); err == nil || !strings.Contains(err.Error(), "open to the network") {
		t.Errorf("got %v", err)
	}
}

func TestServeTwoListeners(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{})})
	second := r.socket + "2"
	listener, err := listen.On(second, listen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	prime(t, second)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Serve(ctx, listener) }()
	client := local.NewClient(second)
	defer client.Close()
	if _, err := client.Token(t.Context(), "default", nil); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != http.StatusOK {
		t.Errorf("the first listener: %d", got.status)
	}
}
