package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what is to come at once.
const patience = 2 * time.Minute

// bounded ends all tests if this one hangs, which takes seconds else.
func bounded(t testing.TB) {
	if _, ok := t.(*testing.T); ok {
		timer := time.AfterFunc(2*patience, func() { panic(t.Name() + " hangs") })
		t.Cleanup(func() { timer.Stop() })
	}
}

// tokenOf returns the token of a generation.
func tokenOf(generation uint64) string {
	return fmt.Sprintf("the.real.token.nobody.sees.%d", generation)
}

// source is a Source that counts, and knows which tokens are good.
type source struct {
	mu         sync.Mutex
	generation uint64
	good       uint64 // the service takes this generation and later ones
	stubborn   bool   // Replace gives the same one
	err        error  // of Token
	replaceErr error
	tokens     int
	replaced   []uint64
}

func (s *source) lease() agent.Lease {
	return agent.Lease{Token: agent.Token{Value: agent.NewSecret(tokenOf(s.generation))}, Generation: s.generation}
}

func (s *source) Token(context.Context, agent.NotifyFunc) (agent.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	if s.err != nil {
		return agent.Lease{}, s.err
	}
	return s.lease(), nil
}

func (s *source) Replace(_ context.Context, generation uint64, _ agent.NotifyFunc) (agent.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaced = append(s.replaced, generation)
	if s.replaceErr != nil {
		return agent.Lease{}, s.replaceErr
	}
	if generation == s.generation && !s.stubborn {
		s.generation++
	}
	return s.lease(), nil
}

// takes reports whether the request has a good token.
func (s *source) takes(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for generation := s.good; generation <= s.generation; generation++ {
		if r.Header.Get("Authorization") == "AnaplanAuthToken "+tokenOf(generation) {
			return true
		}
	}
	return false
}

func (s *source) replacements() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]uint64(nil), s.replaced...)
}

// limiter is a Limiter that counts.
type limiter struct {
	mu      sync.Mutex
	clients []string
	held    []time.Duration
	err     error
	errFrom int // the turn that fails first, from 1; 0: none
}

func (l *limiter) Wait(ctx context.Context, client string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients = append(l.clients, client)
	if l.errFrom > 0 && len(l.clients) >= l.errFrom {
		return l.err
	}
	return context.Cause(ctx)
}

func (l *limiter) Hold(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, d)
}

func (l *limiter) turns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.clients)
}

// outcome is what Serve has returned.
type outcome struct {
	proxy.Result
	err error
}

// world is a service, and a server before it that calls Serve.
type world struct {
	t        testing.TB
	source   *source
	limiter  *limiter
	front    *httptest.Server
	outcomes chan outcome
	wrap     func(http.ResponseWriter) http.ResponseWriter // what the front gives Serve; nil: its own
	body     func(http.ResponseWriter, *http.Request)      // what it does to requests first
}

// newWorld returns one with a service at that base URL.
func newWorld(t testing.TB, api string, change func(*proxy.Config)) *world {
	t.Helper()
	bounded(t)
	w := &world{
		t: t, source: &source{generation: 1, good: 1}, limiter: &limiter{},
		outcomes: make(chan outcome, 1000),
	}
	config := proxy.Config{
		API: api, Source: w.source, Limiter: w.limiter, UserAgent: "test-agent/1",
	}
	if change != nil {
		change(&config)
	}
	if config.Transport == nil {
		base := proxy.NewBase(nil)
		t.Cleanup(base.CloseIdleConnections)
		config.Transport = base
	}
	p, err := proxy.New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.front = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.serve(p, rw, r) }))
	w.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	w.front.Start()
	t.Cleanup(w.front.Close)
	return w
}

// serve does what the local server does.
func (w *world) serve(p *proxy.Proxy, rw http.ResponseWriter, r *http.Request) {
	if w.body != nil {
		w.body(rw, r)
	}
	given := rw
	if w.wrap != nil {
		given = w.wrap(rw)
	}
	result, err := p.Serve(given, r, proxy.Call{Path: r.URL.EscapedPath(), Client: "client:nightly"})
	w.outcomes <- outcome{result, err}
	switch {
	case result.Cut:
		panic(http.ErrAbortHandler)
	case !result.Began:
		rw.WriteHeader(statusOf(err))
		io.WriteString(rw, "agent: "+err.Error())
	}
}

func statusOf(err error) int {
	unreachable, ok := errors.AsType[*proxy.UnreachableError](err)
	switch {
	case errors.Is(err, proxy.ErrSlowBody):
		return http.StatusRequestTimeout
	case ok && unreachable.Timeout:
		return http.StatusGatewayTimeout
	case ok:
		return http.StatusBadGateway
	}
	return http.StatusBadRequest
}

// outcome returns that of a call, when it has ended.
func (w *world) outcome() outcome {
	w.t.Helper()
	select {
	case got := <-w.outcomes:
		return got
	case <-time.After(patience):
		w.t.Fatal("Serve has not returned in time")
	}
	return outcome{}
}

// service starts a TLS server that takes good tokens only, and a world before it.
func service(t testing.TB, handler func(*world) http.HandlerFunc, change func(*proxy.Config)) *world {
	t.Helper()
	var w *world
	var handle http.HandlerFunc
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handle(rw, r) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	base := proxy.NewBase(roots)
	t.Cleanup(base.CloseIdleConnections)
	w = newWorld(t, server.URL, func(config *proxy.Config) {
		config.Transport = base
		if change != nil {
			change(config)
		}
	})
	handle = handler(w)
	return w
}

// ownRefusal is what Anaplan's API says of a token that it does not take.
const ownRefusal = `{"status":{"code":401,"message":"Unauthorized"}}`

func refuseToken(w http.ResponseWriter) {
	w.WriteHeader(http.StatusUnauthorized)
	io.WriteString(w, ownRefusal)
}

// guarded is a handler behind a check of the token.
func guarded(handler http.HandlerFunc) func(*world) http.HandlerFunc {
	return func(w *world) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if !w.source.takes(r) {
				refuseToken(rw)
				return
			}
			handler(rw, r)
		}
	}
}

// client makes calls that are not redirected nor decompressed.
func (w *world) client() *http.Client {
	transport := &http.Transport{DisableCompression: true, ExpectContinueTimeout: time.Minute}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reply is an answer that has been read.
type reply struct {
	*http.Response
	body string
	err  error // of reading the body
}

// do makes a call.
func (w *world) do(method, path string, body io.Reader, header ...string) reply {
	w.t.Helper()
	req, err := http.NewRequest(method, w.front.URL+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	response, err := w.client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response, string(text), err}
}

// plain hides from net/http what a reader is.
type plain struct{ io.Reader }

// dial opens a raw connection to the front.
func (w *world) dial() net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.front.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// raw is a service that does what a function does to each connection.
type raw struct {
	listener net.Listener
	serving  sync.WaitGroup
	mu       sync.Mutex
	seen     bytes.Buffer // of all connections
}

// listen starts a raw service and returns it with its base URL.
func listen(t testing.TB, serve func(conn net.Conn, r *bufio.Reader)) (*raw, string) {
	t.Helper()
	bounded(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	service := &raw{listener: listener}
	service.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			service.serving.Go(func() {
				defer conn.Close()
				serve(conn, bufio.NewReader(io.TeeReader(conn, service)))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); service.serving.Wait() })
	return service, "http://" + listener.Addr().String()
}

func (s *raw) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Write(p)
}

func (s *raw) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// readHead reads a request up to its body, and returns it.
func readHead(r *bufio.Reader) string {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

// answers is a service that answers every request on a connection with these bytes, and
// then ends the connection.
func answers(text string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(conn, text)
	}
}
