package server_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fair"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// apiHost is Anaplan's API, as a handler that a test sets, behind TLS.
type apiHost struct {
	*httptest.Server
	handle atomic.Pointer[http.HandlerFunc]
	calls  atomic.Int64

	ready func() error // of the ways to it

	mu   sync.Mutex
	seen []string // "METHOD URI" of what came
}

func newAPIHost(t testing.TB) *apiHost {
	host := &apiHost{}
	host.answer(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI) })
	host.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host.calls.Add(1)
		host.mu.Lock()
		host.seen = append(host.seen, r.Method+" "+r.RequestURI)
		host.mu.Unlock()
		if !strings.HasPrefix(r.Header.Get("Authorization"), "AnaplanAuthToken secret-token-") {
			t.Errorf("%s came with the wrong token", r.URL)
		}
		(*host.handle.Load())(w, r)
	}))
	t.Cleanup(host.Close)
	return host
}

func (h *apiHost) answer(handle http.HandlerFunc) { h.handle.Store(&handle) }

// proxied returns the profile with a way to the host.
func (h *apiHost) proxied(t testing.TB, p *server.Profile, limiter proxy.Limiter) *server.Profile {
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	base := proxy.NewBase(roots)
	t.Cleanup(base.CloseIdleConnections)
	api, err := proxy.New(proxy.Config{API: h.URL, Transport: base, Source: p.Keeper, Limiter: limiter, UserAgent: "test", BodyIdle: time.Second, Ready: h.ready})
	if err != nil {
		t.Fatal(err)
	}
	p.API = api
	return p
}

// rules makes a policy.
func rules(t testing.TB, texts ...string) *policy.Policy {
	t.Helper()
	parsed, err := policy.Parse(texts)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

const clientSecret = "secret of nightly"

// forwardRig is a server with one profile, one client, a unix socket and a TCP port.
type forwardRig struct {
	*rig
	host    *apiHost
	profile *server.Profile
	client  *server.Client
	address string
	records *recordList
}

type recordList struct {
	mu      sync.Mutex
	records []server.Record
	owed    []server.Record
	failing bool // what is added
	failed  bool // the last that was
}

func (l *recordList) add(r server.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed = l.failing; l.failed {
		if r.Done {
			l.owed = append(l.owed, r)
		}
		return io.ErrShortWrite
	}
	l.records = append(l.records, r)
	return nil
}

// recordable is as that of agent/audit: it knows of a failure once there was one.
func (l *recordList) recordable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed = l.failed && l.failing; l.failed {
		return io.ErrShortWrite
	}
	l.records, l.owed = append(l.records, l.owed...), nil
	return nil
}

func (l *recordList) fail(failing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = failing
}

// of returns the records of an action.
func (l *recordList) of(action server.Action) (of []server.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.records {
		if r.Action == action {
			of = append(of, r)
		}
	}
	return of
}

func forwards(t testing.TB, change func(*server.Config, *forwardRig)) *forwardRig {
	t.Helper()
	f := &forwardRig{host: newAPIHost(t), records: &recordList{}}
	f.host.ready = func() error {
		if f.records.recordable() != nil {
			return server.Unrecordable()
		}
		return nil
	}
	f.profile = f.host.proxied(t, profile(t, &upstream{}), nil)
	f.profile.Identify = func(context.Context) (server.User, error) {
		return server.User{ID: "etl@example.com", GUID: "0123", CustomerGUID: "4567"}, nil
	}
	hash := sha256.Sum256([]byte(clientSecret))
	f.client = &server.Client{Profile: "default", Secret: hash[:], Policy: rules(t, "GET /2/0/models/**", "POST /2/0/models/*/files/*", "PUT /2/0/models/*/files/*/chunks/*")}
	config := server.Config{
		Profiles: profiles(map[string]*server.Profile{"default": f.profile}),
		Clients:  func() map[string]*server.Client { return map[string]*server.Client{"nightly": f.client} },
		Record:   f.records.add,

		Recordable: f.records.recordable,
	}
	if change != nil {
		change(&config, f)
	}
	f.rig = serve(t, config)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := ends(t, done); err != nil {
			t.Error(err)
		}
	})
	return f
}

// hasty has a server soon give up what a refused caller does not send.
func hasty(c *server.Config, _ *forwardRig) { c.Limits.BodyTime = 100 * time.Millisecond }

// dialTCP connects to the port.
func (f *forwardRig) dialTCP(t testing.TB) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &raw{conn, t, bufio.NewReader(conn)}
}

// tcp sends one request to the port; more is header lines. Without a Host among them that of
// the port is sent.
func (f *forwardRig) tcp(t testing.TB, method, target, body string, more ...string) answer {
	t.Helper()
	conn := f.dialTCP(t)
	defer conn.Close()
	lines := []string{method + " " + target + " HTTP/1.1"}
	if !slices.ContainsFunc(more, func(line string) bool { return strings.HasPrefix(line, "Host:") }) {
		lines = append(lines, "Host: "+f.address)
	}
	lines = append(lines, more...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	conn.send(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
	return conn.receive()
}

func basic(name, secret string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
}

var nightly = basic("nightly", clientSecret)

func bearer(token string) string { return "Authorization: AnaplanAuthToken " + token }

// tokenOf is what an answer of /token/... says.
type tokenOf struct {
	Meta struct {
		ValidationURL string `json:"validationUrl"`
	} `json:"meta"`
	Status, StatusMessage string
	TokenInfo             struct {
		TokenID, TokenValue, RefreshTokenID string
		ExpiresAt                           int64
	}
	UserInfo map[string]string
}

func (a answer) token(t testing.TB) tokenOf {
	t.Helper()
	var token tokenOf
	if err := json.Unmarshal([]byte(a.body), &token); err != nil {
		t.Fatalf("%v: %d %s", err, a.status, a.body)
	}
	return token
}

// login returns a phantom token.
func (f *forwardRig) login(t testing.TB) string {
	t.Helper()
	got := f.tcp(t, "POST", "/token/authenticate", "", nightly)
	if got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	return got.token(t).TokenInfo.TokenValue
}

// problemOf returns the agent's own words in a refusal.
func (a answer) problem() agent.Problem {
	var refusal struct{ Problem agent.Problem }
	json.Unmarshal([]byte(a.body), &refusal)
	return refusal.Problem
}

func TestAnaplansTokenEndpoints(t *testing.T) {
	f := forwards(t, nil)
	got := f.tcp(t, "POST", "/token/authenticate", `{"some": "body"}`, nightly, "Content-Type: application/json")
	token := got.token(t)
	if got.status != 201 || token.Status != "SUCCESS" || token.StatusMessage != "Login successful" ||
		token.Meta.ValidationURL != "http://"+f.address+"/token/validate" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	left := time.Until(time.UnixMilli(token.TokenInfo.ExpiresAt))
	if left < 34*time.Minute || left > 35*time.Minute || strings.Contains(got.body, "secret-token") {
		t.Errorf("%v left, %s", left, got.body)
	}
	value := token.TokenInfo.TokenValue

	got = f.tcp(t, "POST", "/token/refresh", "", bearer(value))
	if again := got.token(t); got.status != 200 || again.StatusMessage != "Token refreshed" || again.TokenInfo.TokenID != token.TokenInfo.TokenID ||
		again.TokenInfo.TokenValue != value || again.TokenInfo.RefreshTokenID == token.TokenInfo.RefreshTokenID || again.TokenInfo.ExpiresAt < token.TokenInfo.ExpiresAt {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = f.tcp(t, "GET", "/token/validate", "", bearer(value))
	if valid := got.token(t); got.status != 200 || valid.StatusMessage != "Token validated" || valid.TokenInfo.TokenID != token.TokenInfo.TokenID ||
		valid.TokenInfo.TokenValue != "" || valid.UserInfo["userId"] != "etl@example.com" || valid.UserInfo["userGuid"] != "0123" || valid.UserInfo["customerGuid"] != "4567" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(value)); got.status != 200 || got.body != "GET /2/0/models/M" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := f.tcp(t, "POST", "/token/logout", "", bearer(value)); got.status != 204 || got.body != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, request := range []string{"POST /token/refresh", "GET /token/validate", "POST /token/logout", "GET /2/0/models/M"} {
		method, path, _ := strings.Cut(request, " ")
		if got := f.tcp(t, method, path, "", bearer(value)); got.status != 401 || got.problem().Code != agent.CodeUnauthorized || len(got.problem().Hints) == 0 {
			t.Errorf("%s after logout: %d %s", request, got.status, got.body)
		}
	}
	if calls := f.host.calls.Load(); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	if got := f.records.of(server.ActionPhantom); len(got) != 3 || got[0].Client != "client:nightly" || !got[0].Network || got[0].Peer.UID != -1 {
		t.Errorf("records: %+v", got)
	}
}

// The statuses are Anaplan's (contract section 3).
func TestMalformedTokenHeaders(t *testing.T) {
	f := forwards(t, nil)
	for _, header := range []string{"X: y", "Authorization: Bearer " + f.login(t), "Authorization: AnaplanAuthToken", "Authorization: nonsense"} {
		for request, want := range map[string]int{"POST /token/refresh": 400, "GET /token/validate": 400, "POST /token/logout": 401} {
			method, path, _ := strings.Cut(request, " ")
			got := f.tcp(t, method, path, "", header)
			if got.status != want || got.token(t).Status != "FAILURE_BAD_HEADER" {
				t.Errorf("%s with %.30s: %d %s", request, header, got.status, got.body)
			}
		}
	}
}

func TestStrangers(t *testing.T) {
	f := forwards(t, nil)
	for name, header := range map[string]string{
		"nobody":              "X: y",
		"unknown client":      basic("nobody", clientSecret),
		"wrong secret":        basic("nightly", "wrong"),
		"no secret":           basic("nightly", ""),
		"the hash as secret":  basic("nightly", fmt.Sprintf("%x", f.client.Secret)),
		"another case":        basic("Nightly", clientSecret),
		"certificate":         "Authorization: CACertificate TUlJ",
		"Anaplan's own token": bearer("secret-token-1"),
		"foreign token":       bearer("aap_" + strings.Repeat("A", 43)),
		"cut header":          "Authorization: Basic !!!",
	} {
		for _, path := range []string{"/token/authenticate", "/2/0/models/M/files/F"} {
			got := f.tcp(t, "POST", path, "", header)
			if got.status != 401 || got.header.Get("Anaplan-Agent-Problem") != "unauthorized" || strings.Contains(got.body, "secret of") {
				t.Errorf("%s at %s: %d %s", name, path, got.status, got.body)
			}
		}
	}
	if got := f.tcp(t, "POST", "/token/authenticate", "", nightly, nightly); got.status != 400 {
		t.Errorf("two headers: %d %s", got.status, got.body)
	}
	if f.host.calls.Load() != 0 {
		t.Error("something was forwarded")
	}
	if got := f.records.of(server.ActionDenied); len(got) < 15 || got[0].Code != agent.CodeUnauthorized {
		t.Errorf("%d records", len(got))
	}
}

func TestClientWithoutSecret(t *testing.T) {
	f := forwards(t, func(_ *server.Config, f *forwardRig) { f.client.Secret = nil })
	for _, secret := range []string{"", clientSecret, strings.Repeat("\x00", 32)} {
		if got := f.tcp(t, "POST", "/token/authenticate", "", basic("nightly", secret)); got.status != 401 {
			t.Errorf("%q: %d %s", secret, got.status, got.body)
		}
	}
}

func TestPhantomTokensEnd(t *testing.T) {
	f := forwards(t, func(c *server.Config, _ *forwardRig) {
		c.Phantoms = phantom.New(phantom.Config{Life: 300 * time.Millisecond})
	})
	token := f.login(t) // which is good at first; how many calls it is good for depends on the machine
	eventually(t, "it ends", func() bool { return f.tcp(t, "GET", "/2/0/models/M", "", bearer(token)).status == 401 })
	if got := f.tcp(t, "GET", "/token/validate", "", bearer(token)); got.status != 401 || got.token(t).Status != "FAILURE_BAD_CREDENTIAL" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestTokenOfAClientThatIsNoMore(t *testing.T) {
	var gone atomic.Bool
	f := forwards(t, func(c *server.Config, _ *forwardRig) {
		with := c.Clients
		c.Clients = func() map[string]*server.Client {
			if gone.Load() {
				return nil
			}
			return with()
		}
	})
	token := f.login(t)
	gone.Store(true)
	if got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(token)); got.status != 401 || f.host.calls.Load() != 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A login can take minutes. A client that has another secret by then gets no token.
func TestSecretThatChangesDuringTheLogin(t *testing.T) {
	var changed atomic.Bool
	u := &upstream{authenticate: func() error { changed.Store(true); return nil }}
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		f.profile = f.host.proxied(t, profile(t, u), nil)
		c.Profiles = profiles(map[string]*server.Profile{"default": f.profile})
		other := *f.client
		other.Secret = make([]byte, sha256.Size)
		c.Clients = func() map[string]*server.Client {
			if changed.Load() {
				return map[string]*server.Client{"nightly": &other}
			}
			return map[string]*server.Client{"nightly": f.client}
		}
	})
	got := f.tcp(t, "POST", "/token/authenticate", "", nightly)
	if got.status != 401 || !strings.HasPrefix(got.token(t).Status, "FAILURE_") || got.token(t).TokenInfo.TokenValue != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := f.records.of(server.ActionPhantom); len(got) > 0 {
		t.Errorf("a token was written down as handed out: %+v", got)
	}
}

func TestPhantomTokensAreBounded(t *testing.T) {
	store := phantom.New(phantom.Config{PerClient: 50})
	f := forwards(t, func(c *server.Config, _ *forwardRig) {
		c.Phantoms = store
		c.Limits = server.Limits{Rate: 1e9, Burst: 1e9}
	})
	conn := f.dialTCP(t)
	request := "POST /token/authenticate HTTP/1.1\r\nHost: " + f.address + "\r\n" + nightly + "\r\n\r\n"
	var last answer
	for range 10_000 {
		conn.send(request)
		last = conn.receive()
		if last.status != 201 {
			t.Fatalf("%d %s", last.status, last.body)
		}
	}
	if store.Len() > 50 {
		t.Errorf("%d tokens are kept", store.Len())
	}
	if got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(last.token(t).TokenInfo.TokenValue)); got.status != 200 {
		t.Errorf("the last one: %d %s", got.status, got.body)
	}
}

func TestWhoAsksForTooManyPhantomTokens(t *testing.T) {
	f := forwards(t, func(c *server.Config, _ *forwardRig) { c.Limits = server.Limits{Rate: 1, Burst: 1000} })
	for range 9 {
		f.login(t)
	}
	eventually(t, "a refusal", func() bool {
		got := f.tcp(t, "POST", "/token/authenticate", "", nightly)
		return got.status == 429 && got.header.Get("Retry-After") != "" && got.token(t).Status == "FAILURE_TOO_MANY"
	})
}

// What is decided on is what is sent, and what could be read in two ways is neither.
func TestPathsThatCouldEscape(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	for _, path := range []string{
		"/2/0/models/..", "/2/0/models/../users", "/2/0/models/%2e%2e/users", "/2/0/models/%2E./users/me", "/2/0/models/./M",
		"/2/0/models//M", "//2//0/models/M", "/2/0/models/%2fM", "/2/0/models/M%2F..%2Fusers", "/2/0/models/M;x=1", "/2/0/models/M%3bx", "/2/0/models/..;/users",
		"/2/0/models/M%5c..", "/2/0/models/M\\..\\users", "/2/0/models/M%00", "/2/0/models/M%0d%0aX:y", "/2/0/models/%252e%252e/users", "/2/0/models/M%3fx", "/2/0/models/M%23x",
		"/2/0/models/%c0%ae%c0%ae/users", "/2/0/models/%ff",
	} {
		got := f.tcp(t, "GET", path, "", token)
		if got.status != 400 && got.status != 404 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for path, want := range map[string]int{
		"/2/0/Models/M": 403, "/2/0/workspaces": 403, "/2/0/models": 200, "/2/0/modelsX/M": 403, "/2/0/users/me": 403, "/2/0/%6dodels/M": 200, "/2/0/models/M%20N?a=b&c=%2f..": 200,
		"/1/3/models": 403, "/scim/1/0/v2/Users": 403, "/audit/api/1/events": 403, "/3/0/models": 404, "/2": 404,
	} {
		if got := f.tcp(t, "GET", path, "", token); got.status != want {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
		}
	}
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	slices.Sort(f.host.seen)
	if want := []string{"GET /2/0/models", "GET /2/0/models/M", "GET /2/0/models/M%20N?a=b&c=%2f.."}; !slices.Equal(f.host.seen, want) {
		t.Errorf("sent %q, want %q", f.host.seen, want)
	}
}

func TestAuthorityTricks(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	for name, request := range map[string]string{
		"absolute form, own":      "GET http://" + f.address + "/2/0/models/M HTTP/1.1\r\nHost: " + f.address,
		"absolute form, other":    "GET http://evil.example/2/0/models/M HTTP/1.1\r\nHost: " + f.address,
		"absolute form, with @":   "GET http://" + f.address + "@evil.example/2/0/models/M HTTP/1.1\r\nHost: " + f.address,
		"authority form":          "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443",
		"asterisk form":           "OPTIONS * HTTP/1.1\r\nHost: " + f.address,
		"two hosts":               "GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\nHost: evil.example",
		"another host":            "GET /2/0/models/M HTTP/1.1\r\nHost: evil.example",
		"another port":            "GET /2/0/models/M HTTP/1.1\r\nHost: 127.0.0.1:1",
		"a name that leads here":  "GET /2/0/models/M HTTP/1.1\r\nHost: 127.0.0.1.evil.example",
		"no host":                 "GET /2/0/models/M HTTP/1.1\r\nHost:",
		"a host with a user":      "GET /2/0/models/M HTTP/1.1\r\nHost: x@" + f.address,
		"a page's request":        "GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\nOrigin: https://evil.example",
		"a page's simple request": "GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\nSec-Fetch-Site: cross-site",
		"a preflight":             "OPTIONS /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\nOrigin: null\r\nAccess-Control-Request-Method: GET",
		"a login by a page":       "POST /token/authenticate HTTP/1.1\r\nHost: " + f.address + "\r\nOrigin: https://evil.example",
		"TRACE":                   "TRACE /2/0/models/M HTTP/1.1\r\nHost: " + f.address,
		"a method in small":       "get /2/0/models/M HTTP/1.1\r\nHost: " + f.address,
	} {
		conn := f.dialTCP(t)
		conn.send(request + "\r\n" + token + "\r\n\r\n")
		got := conn.receive()
		if got.status/100 != 4 || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if f.host.calls.Load() != 0 {
		t.Errorf("%d were forwarded", f.host.calls.Load())
	}
	for _, host := range []string{"localhost" + f.address[strings.LastIndex(f.address, ":"):], f.address} {
		if got := f.tcp(t, "GET", "/2/0/models/M", "", token, "Host: "+host); got.status != 200 {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
}

// The agent's own requests are for known users, and over TCP nobody is known.
func TestOnlyAnaplansOverTCP(t *testing.T) {
	f := forwards(t, nil)
	for request, want := range map[string]int{
		"GET /v1/token": 404, "GET /v1/status": 404, "POST /v1/login": 404, "POST /v1/unlock": 404, "POST /v1/reload": 404,
		"GET /metrics": 404, "GET /readyz": 404, "GET /healthz": 200,
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := f.tcp(t, method, path, "", nightly); got.status != want || strings.Contains(got.body, "secret-token") {
			t.Errorf("%s: %d %s", request, got.status, got.body)
		}
	}
}

func TestHeadersThatAreNotForwarded(t *testing.T) {
	f := forwards(t, nil)
	f.host.answer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session=secret")
		w.Header().Set("Location", f.host.URL+"/2/0/models/N?x")
		r.Header.Del("Authorization")
		json.NewEncoder(w).Encode(map[string]any{"header": r.Header, "host": r.Host})
	})
	got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(f.login(t)), "Cookie: a=b", "X-Forwarded-For: 1.2.3.4", "X-HTTP-Method-Override: DELETE", "Anaplan-Agent-Profile: other",
		"Connection: close, X-Own, Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "X-Own: hop", "X-Request-Id: yes", "Accept-Encoding: gzip")
	var seen struct {
		Header http.Header
		Host   string
	}
	if err := json.Unmarshal([]byte(got.body), &seen); err != nil {
		t.Fatalf("%v: %d %s", err, got.status, got.body)
	}
	for _, name := range []string{"Cookie", "X-Forwarded-For", "X-Http-Method-Override", "Anaplan-Agent-Profile", "X-Own", "Upgrade", "Connection", "Http2-Settings"} {
		if seen.Header[name] != nil {
			t.Errorf("%s: %s was forwarded", name, seen.Header[name])
		}
	}
	if seen.Header.Get("X-Request-Id") != "yes" || seen.Header.Get("Accept-Encoding") != "gzip" || seen.Host != strings.TrimPrefix(f.host.URL, "https://") {
		t.Errorf("sent %v to %s", seen.Header, seen.Host)
	}
	if got.header.Get("Set-Cookie") != "" || got.header.Get("Location") != "/2/0/models/N?x" {
		t.Errorf("answered %v", got.header)
	}
}

// Each framing is read once, by net/http, and rewritten: what follows is not a second request.
func TestSmuggledLengths(t *testing.T) {
	f := forwards(t, nil)
	f.host.answer(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%q", body)
	})
	token := bearer(f.login(t))
	hidden := "GET /2/0/users/me HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, framing := range map[string]string{
		"two lengths":      "Content-Length: 1\r\nContent-Length: 41\r\n\r\n" + hidden,
		"length and comma": "Content-Length: 1, 41\r\n\r\n" + hidden,
		"negative":         "Content-Length: -1\r\n\r\n" + hidden,
		"plus":             "Content-Length: +1\r\n\r\n" + hidden,
		"odd encoding":     "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + hidden,
		"cut encoding":     "Transfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n" + hidden,
		"folded":           "Transfer-Encoding:\r\n chunked\r\nContent-Length: 41\r\n\r\n" + hidden,
		"space":            "Content-Length : 41\r\n\r\n" + hidden,
		"bare CR":          "X: a\rGET /2/0/users/me HTTP/1.1\r\n\r\n",
		"NUL":              "X: a\x00b\r\n\r\n",
		"CRLF in value":    "X: a\r\nAuthorization: AnaplanAuthToken other\r\n\r\n",
	} {
		conn := f.dialTCP(t)
		conn.send("POST /2/0/models/M/files/F HTTP/1.1\r\nHost: " + f.address + "\r\n" + token + "\r\n" + framing)
		if got := conn.receive(); got.status/100 == 2 && name != "folded" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	conn := f.dialTCP(t)
	conn.send("POST /2/0/models/M/files/F HTTP/1.1\r\nHost: " + f.address + "\r\n" + token + "\r\nContent-Length: 41\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	if got := conn.receive(); got.status == 200 && got.body != `"abc"` {
		t.Errorf("both: %d %s", got.status, got.body)
	}
	f.host.mu.Lock()
	defer f.host.mu.Unlock()
	for _, seen := range f.host.seen {
		if seen != "POST /2/0/models/M/files/F" {
			t.Errorf("smuggled: %s", seen)
		}
	}
}

func TestSlowUpload(t *testing.T) {
	f := forwards(t, hasty)
	whole := make(chan bool, 1)
	f.host.answer(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		whole <- err == nil
	})
	conn := f.dialTCP(t)
	conn.send("PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: " + f.address + "\r\n" + bearer(f.login(t)) + "\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 100_000))
	if got := conn.receive(); got.status != 408 || !strings.Contains(got.body, "stalled") {
		t.Errorf("%d %s", got.status, got.body)
	}
	conn.ends()
	if <-whole {
		t.Error("Anaplan took the part for the whole")
	}
}

func TestClientCutMidUpload(t *testing.T) {
	f := forwards(t, nil)
	begun, whole := make(chan bool, 1), make(chan bool, 1)
	f.host.answer(func(_ http.ResponseWriter, r *http.Request) {
		io.ReadFull(r.Body, make([]byte, 1000))
		begun <- true
		_, err := io.Copy(io.Discard, r.Body)
		whole <- err == nil
	})
	token := bearer(f.login(t))
	for name, framing := range map[string]string{
		"length":  "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 200_000),
		"chunked": "Transfer-Encoding: chunked\r\n\r\n10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n",
	} {
		conn := f.dialTCP(t)
		conn.send("PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: " + f.address + "\r\n" + token + "\r\n" + framing)
		<-begun
		conn.Close()
		if <-whole {
			t.Errorf("%s: Anaplan took the part for the whole", name)
		}
	}
	eventually(t, "their places are free", func() bool { return f.Connections() == 0 })
	eventually(t, "both are recorded", func() bool { return len(f.records.of(server.ActionCall)) == 2 })
}

func TestUpstreamCutMidDownload(t *testing.T) {
	f := forwards(t, nil)
	for name, length := range map[string]string{"length": "1000000", "chunked": ""} {
		f.host.answer(func(w http.ResponseWriter, _ *http.Request) {
			if length != "" {
				w.Header().Set("Content-Length", length)
			}
			io.WriteString(w, strings.Repeat("x", 100_000))
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		conn := f.dialTCP(t)
		conn.send("GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\n" + bearer(f.login(t)) + "\r\n\r\n")
		response, err := http.ReadResponse(conn.reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err == nil {
			t.Errorf("%s: %d bytes look like all there is", name, len(body))
		}
		conn.ends()
	}
	if f.log.String() != "" && strings.Contains(f.log.String(), "mistake") {
		t.Errorf("the log takes it for a mistake:\n%s", f.log)
	}
	eventually(t, "both are recorded", func() bool { return len(f.records.of(server.ActionCall)) == 2 })
}

func TestUnreachableAPI(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	f.host.Close()
	got := f.tcp(t, "GET", "/2/0/models/M", "", token)
	if got.status != 503 || got.problem().Code != agent.CodeUnreachable || strings.Contains(got.body, "secret-token") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// After Anaplan's word nothing is sent by anybody, and nobody has sent more than one by then.
func TestStormOf429(t *testing.T) {
	const clients = 40
	limiter := fair.New(fair.Config{MaxWait: time.Second})
	f := forwards(t, func(_ *server.Config, f *forwardRig) { f.host.proxied(t, f.profile, limiter) })
	f.host.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, "Anaplan's words")
	})
	token := bearer(f.login(t))
	if got := f.tcp(t, "GET", "/2/0/models/M", "", token); got.status != 429 || got.body != "Anaplan's words" || got.header.Get("Retry-After") != "60" {
		t.Fatalf("%d %s", got.status, got.body)
	}
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			got := f.tcp(t, "GET", "/2/0/models/M", "", token)
			if got.status != 429 || got.problem().Code != agent.CodeRateLimited || got.header.Get("Retry-After") == "" {
				t.Errorf("%d %s", got.status, got.body)
			}
			if p := got.problem(); !strings.HasPrefix(p.Message, "Anaplan has asked for patience (429), so the agent sends nothing to it for another ") || strings.Contains(p.Message, "used up") {
				t.Errorf("the words are %q", p.Message)
			}
		})
	}
	all.Wait()
	if calls := f.host.calls.Load(); calls != 1 {
		t.Errorf("Anaplan was called %d times", calls)
	}
}

func TestPolicyOfTheProfile(t *testing.T) {
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		f.profile.Policy = rules(t, "GET /2/0/models/M")
		c.Admin = func(local.Peer) bool { return false }
		f.profile.Allow = func(local.Peer) bool { return true }
	})
	token := bearer(f.login(t))
	for path, want := range map[string]int{"/2/0/models/M": 200, "/2/0/models/N": 403, "/2/0/workspaces": 403} {
		if got := f.tcp(t, "GET", path, "", token); got.status != want {
			t.Errorf("client, %s: %d %s", path, got.status, got.body)
		}
		if got := f.ask(t, "GET", path, ""); got.status != want {
			t.Errorf("user, %s: %d %s", path, got.status, got.body)
		}
	}
	got := f.ask(t, "GET", "/2/0/models/N", "")
	if p := got.problem(); !strings.Contains(p.Message, "the policy of the profile default has no rule for GET /2/0/models/N") || !slices.Contains(p.Hints, "this rule would allow it: GET /2/0/models/N") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/v1/token", ""); got.status != 403 || strings.Contains(got.body, "secret-token") {
		t.Errorf("the token itself: %d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/v1/token?reveal=no", ""); got.status != 200 || strings.Contains(got.body, "secret-token") {
		t.Errorf("that there is one: %d %s", got.status, got.body)
	}
}

func TestUsersAsClients(t *testing.T) {
	var isOther atomic.Bool
	other := &server.Client{Profile: "default", Users: func(local.Peer) bool { return isOther.Load() }}
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		c.Admin = func(local.Peer) bool { return false }
		f.client.Users = func(local.Peer) bool { return true }
		other.Policy = rules(t, "GET /2/0/workspaces")
		c.Clients = func() map[string]*server.Client {
			return map[string]*server.Client{"nightly": f.client, "other": other}
		}
	})
	if got := f.ask(t, "GET", "/2/0/models/M", ""); got.status != 200 {
		t.Errorf("as the only client: %d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/2/0/workspaces", ""); got.status != 403 {
		t.Errorf("beyond its policy: %d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/2/0/workspaces", "", "Anaplan-Agent-Client: other"); got.status != 403 {
		t.Errorf("as another client: %d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/2/0/models/M", "", "Anaplan-Agent-Profile: default"); got.status != 403 {
		t.Errorf("as a user of the profile: %d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/v1/token", ""); got.status != 403 {
		t.Errorf("the token itself: %d %s", got.status, got.body)
	}
	token := f.ask(t, "POST", "/token/authenticate", "").token(t).TokenInfo.TokenValue
	if got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(token)); got.status != 200 {
		t.Errorf("with its phantom token: %d %s", got.status, got.body)
	}
	isOther.Store(true)
	if got := f.ask(t, "GET", "/2/0/models/M", ""); got.status != 400 || !strings.Contains(got.body, "nightly, other") {
		t.Errorf("as one of two: %d %s", got.status, got.body)
	}
	if got := f.ask(t, "GET", "/2/0/workspaces", "", "Anaplan-Agent-Client: other"); got.status != 200 {
		t.Errorf("as the second: %d %s", got.status, got.body)
	}
}

func TestRecordsOfCalls(t *testing.T) {
	f := forwards(t, nil)
	f.host.answer(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, n)
	})
	token := f.login(t)
	if got := f.tcp(t, "POST", "/2/0/models/M/files/F?query=hidden", "body hidden", bearer(token)); got.status != 202 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	f.tcp(t, "DELETE", "/2/0/models/M", "", bearer(token))
	eventually(t, "the record", func() bool { return len(f.records.of(server.ActionCall)) == 1 })
	call := f.records.of(server.ActionCall)[0]
	want := server.Call{Method: "POST", Path: "/2/0/models/M/files/F", Status: 202, Sent: 11, Received: 2, Took: call.Call.Took}
	if call.Call != want || call.Client != "client:nightly" || call.Profile != "default" || call.Code != "" || call.Call.Took <= 0 {
		t.Errorf("%+v", call)
	}
	denied := f.records.of(server.ActionDenied)
	if len(denied) != 1 || denied[0].Client != "client:nightly" || denied[0].Call.Method != "DELETE" || denied[0].Call.Path != "/2/0/models/M" {
		t.Errorf("%+v", denied)
	}
	if text := fmt.Sprintf("%+v", f.records.of(server.ActionCall)); strings.Contains(text, "hidden") || strings.Contains(text, token) {
		t.Errorf("the records show too much: %s", text)
	}
}

// A call that could not be written down is owed, and nothing is called before it is.
func TestCallsThatCannotBeWrittenDown(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	f.host.answer(func(w http.ResponseWriter, _ *http.Request) { f.records.fail(true); io.WriteString(w, "done") })
	if got := f.tcp(t, "GET", "/2/0/models/M", "", token); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	eventually(t, "calls are refused", func() bool {
		got := f.tcp(t, "GET", "/2/0/models/N", "", token)
		return got.status == 507 && got.problem().Code == agent.CodeAuditFailed
	})
	before := f.host.calls.Load()
	f.records.fail(false)
	f.host.answer(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "done") })
	if got := f.tcp(t, "GET", "/2/0/models/O", "", token); got.status != 200 || f.host.calls.Load() != before+1 {
		t.Errorf("%d %s", got.status, got.body)
	}
	eventually(t, "all are recorded", func() bool { return int64(len(f.records.of(server.ActionCall))) == f.host.calls.Load() })
}

func TestLoginProblemsAreToldAsAnaplanWould(t *testing.T) {
	for code, want := range map[agent.Code]int{
		agent.CodeLoginRefused: 401, agent.CodePINNeeded: 503, agent.CodeDeviceAbsent: 503, agent.CodeUnreachable: 503, agent.CodeRateLimited: 429,
	} {
		problem := &agent.Problem{Code: code, Message: "why not", Final: true}
		u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { return problem }}
		f := forwards(t, func(c *server.Config, f *forwardRig) {
			p := f.host.proxied(t, profile(t, u), nil)
			c.Profiles = profiles(map[string]*server.Profile{"default": p})
		})
		got := f.tcp(t, "POST", "/token/authenticate", "", nightly)
		if token := got.token(t); got.status != want || token.StatusMessage != "why not" || !strings.HasPrefix(token.Status, "FAILURE_") {
			t.Errorf("%s: %d %s", code, got.status, got.body)
		}
		got = f.tcp(t, "GET", "/2/0/models/M", "", nightly)
		var api struct {
			Status struct {
				Code    int
				Message string
			}
		}
		if json.Unmarshal([]byte(got.body), &api); got.status != want || api.Status.Code != want || api.Status.Message != "why not" {
			t.Errorf("%s: %d %s", code, got.status, got.body)
		}
	}
}
