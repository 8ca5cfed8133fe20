package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
)

// interceptRig is a server that is its clients' proxy.
type interceptRig struct {
	*forwardRig
	ca *authority.Authority
}

func intercepts(t testing.TB, change func(*server.Config, *forwardRig)) *interceptRig {
	t.Helper()
	ca := authority.New(t.TempDir(), anaplan.HostNames())
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		c.Authority = ca
		if change != nil {
			change(c, f)
		}
	})
	return &interceptRig{f, ca}
}

// roots are what clients trust: the CA and nothing else.
func (r *interceptRig) roots(t testing.TB) *x509.CertPool {
	t.Helper()
	bundle, err := r.ca.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("there is no CA")
	}
	return pool
}

// through is a client as programs have it: Anaplan's addresses, a proxy with a password, and roots.
func (r *interceptRig) through(t testing.TB, name, secret string) *http.Client {
	t.Helper()
	way := &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword(name, secret), Host: r.address}),
		TLSClientConfig: &tls.Config{RootCAs: r.roots(t)},
	}
	t.Cleanup(way.CloseIdleConnections)
	return &http.Client{Transport: way, Timeout: patience}
}

// ask makes a request of Anaplan's own host.
func askAnaplan(t testing.TB, client *http.Client, method, address, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, address, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// TestUnchangedClient: one that knows Anaplan's hosts logs in there as it always has, with whatever it
// has, calls, renews its token, and logs out.
func TestUnchangedClient(t *testing.T) {
	r := intercepts(t, nil)
	client := r.through(t, "nightly", clientSecret)
	for _, login := range []string{"Authorization: Basic b25jZTp1cG9u", "Authorization: CACertificate MIIB", "X-None: none", "Authorization: AnaplanAuthToken of-old", nightly} {
		got := askAnaplan(t, client, "POST", "https://auth.anaplan.com/token/authenticate", `{"encodedData":"x"}`, login)
		token := got.token(t)
		if got.status != 201 || token.Status != "SUCCESS" || token.Meta.ValidationURL != "https://auth.anaplan.com/token/validate" {
			t.Fatalf("%s: %d %s", login, got.status, got.body)
		}
		header := bearer(token.TokenInfo.TokenValue)
		for _, request := range []struct {
			method, url string
			want        int
			body        string
		}{
			{"GET", "https://api.anaplan.com/2/0/models/M", 200, "GET /2/0/models/M"},
			{"GET", "https://eu3.api.anaplan.com/2/0/models/M?x=y", 200, "GET /2/0/models/M?x=y"},
			{"GET", "https://api.anaplan.com/2/0/workspaces", 403, "has no rule for GET /2/0/workspaces"},
			{"POST", "https://auth.anaplan.com/token/refresh", 200, "Token refreshed"},
			{"GET", "https://auth.anaplan.com/token/validate", 200, "etl@example.com"},
			{"POST", "https://auth.anaplan.com/token/logout", 204, ""},
			{"GET", "https://api.anaplan.com/2/0/models/M", 401, "ended by a logout"},
		} {
			if got := askAnaplan(t, client, request.method, request.url, "", header); got.status != request.want || !strings.Contains(got.body, request.body) {
				t.Errorf("%s %s: %d %s", request.method, request.url, got.status, got.body)
			}
		}
	}
	for _, record := range r.records.of(server.ActionCall) {
		if record.Client != "client:nightly" || !record.Network {
			t.Errorf("written down: %+v", record)
		}
	}
	if calls := len(r.records.of(server.ActionCall)); calls != 10 {
		t.Errorf("%d calls are written down", calls)
	}
}

// TestPhantomIsAPassword: a program that was given a token needs no secret, and loses all that it has
// when the token ends, on connections that are open, too.
func TestPhantomIsAPassword(t *testing.T) {
	r := intercepts(t, nil)
	token := r.login(t)
	client := r.through(t, "nightly", token)
	const models = "https://api.anaplan.com/2/0/models/M"
	if got := askAnaplan(t, client, "GET", models, ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := r.tcp(t, "POST", "/token/logout", "", bearer(token)); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := askAnaplan(t, client, "GET", models, ""); got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.connect(t, "api.anaplan.com:443", proxyBasic("nightly", token)); got.status != 407 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestPhantomsOfAPhantom: what a program gets that has a token for its password ends with that token,
// and is the same user's.
func TestPhantomsOfAPhantom(t *testing.T) {
	store := phantom.New(phantom.Config{})
	r := intercepts(t, func(c *server.Config, _ *forwardRig) { c.Phantoms = store })
	bound := r.ask(t, "POST", "/token/authenticate", "").token(t).TokenInfo.TokenValue // a user's
	client := r.through(t, "anyone", bound)
	got := askAnaplan(t, client, "POST", "https://auth.anaplan.com/token/authenticate", "", "Authorization: Basic b25jZTp1cG9u")
	within := got.token(t).TokenInfo.TokenValue
	first, err := store.Find(bound)
	if err != nil {
		t.Fatal(err)
	}
	second, err := store.Find(within)
	if err != nil || second.Client != first.Client || second.User != local.Self() || second.Parent != first.ID {
		t.Errorf("%+v within the tunnel of %+v, %v", second.Holder, first.Holder, err)
	}
	if got := r.tcp(t, "GET", "/2/0/models/M", "", bearer(within)); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.tcp(t, "POST", "/token/logout", "", bearer(bound)); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if got := r.tcp(t, "GET", "/2/0/models/M", "", bearer(within)); got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestSecretIsReplaced: the old one is worth nothing any more, on connections that are open, too.
func TestSecretIsReplaced(t *testing.T) {
	var mu sync.Mutex
	var now *server.Client
	r := intercepts(t, func(c *server.Config, f *forwardRig) {
		now = f.client
		c.Clients = func() map[string]*server.Client {
			mu.Lock()
			defer mu.Unlock()
			return map[string]*server.Client{"nightly": now}
		}
	})
	client := r.through(t, "nightly", clientSecret)
	const models = "https://api.anaplan.com/2/0/models/M"
	if got := askAnaplan(t, client, "GET", models, ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	mu.Lock()
	other := *now
	other.Secret = bytes.Repeat([]byte{1}, 32)
	now = &other
	mu.Unlock()
	if got := askAnaplan(t, client, "GET", models, ""); got.status != 401 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func proxyBasic(name, secret string) string { return "Proxy-" + basic(name, secret) }

// connect asks for a tunnel.
func (r *interceptRig) connect(t testing.TB, target string, headers ...string) answer {
	t.Helper()
	conn := r.dialTCP(t)
	defer conn.Close()
	return conn.connect(target, headers...)
}

// connect asks for a tunnel, in which what follows is sent. That has an answer with a body only if
// there is none.
func (c *raw) connect(target string, headers ...string) answer {
	c.t.Helper()
	c.send(strings.Join(append([]string{"CONNECT " + target + " HTTP/1.1", "Host: " + target}, headers...), "\r\n") + "\r\n\r\n")
	response, err := http.ReadResponse(c.reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		c.t.Fatal(err)
	}
	var body []byte
	if response.StatusCode != http.StatusOK {
		if body, err = io.ReadAll(response.Body); err != nil {
			c.t.Fatal(err)
		}
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// TestProxyPassword: who does not show what it is learns how to.
func TestProxyPassword(t *testing.T) {
	r := intercepts(t, nil)
	bound := r.ask(t, "POST", "/token/authenticate", "").token(t).TokenInfo.TokenValue // a user's
	other := r.login(t)
	for name, header := range map[string]string{
		"nothing":          "X: y",
		"a wrong secret":   proxyBasic("nightly", "secret of another"),
		"a wrong name":     proxyBasic("daily", clientSecret),
		"nothing in it":    proxyBasic("", ""),
		"no such token":    proxyBasic("nightly", "aap_"+strings.Repeat("A", 43)),
		"another's token":  proxyBasic("daily", other),
		"another scheme":   "Proxy-Authorization: Bearer " + other,
		"not base64":       "Proxy-Authorization: Basic %%%",
		"two":              proxyBasic("nightly", clientSecret) + "\r\n" + proxyBasic("nightly", clientSecret),
		"the wrong header": nightly,
	} {
		for _, got := range []answer{r.connect(t, "api.anaplan.com:443", header), r.tcp(t, "GET", "http://api.anaplan.com/2/0/models/M", "", header)} {
			problem := agent.Problem{Code: got.code()}
			if got.status != 407 || got.header.Get("Proxy-Authenticate") == "" || problem.Code != agent.CodeUnauthorized || !strings.Contains(got.body, "hints") {
				t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
			}
		}
	}
	if got := r.connect(t, "api.anaplan.com:443", proxyBasic("anyone", bound)); got.status != 200 {
		t.Errorf("a user's own token: %d %s", got.status, got.body)
	}
	if r.host.calls.Load() != 0 {
		t.Error("something was forwarded")
	}
}

// TestConnectTargets: what the proxy is for, and what it is not.
func TestConnectTargets(t *testing.T) {
	r := intercepts(t, nil)
	mine := proxyBasic("nightly", clientSecret)
	for target, want := range map[string]int{
		"auth.anaplan.com:443": 200, "API.Anaplan.Com:443": 200, "ca1a.api.anaplan.com:443": 200, "api.au1a.app2.anaplan.com:443": 200, "audit.anaplan.com:443": 200,
		"api.anaplan.com:80": 400, "api.anaplan.com:8443": 400, "api.anaplan.com:": 400,
		"api.anaplan.com.:443": 200, "[api.anaplan.com]:443": 400, "api.anaplan.com:443/": 400, "http://api.anaplan.com:443": 400, "2130706433:443": 400,
		"example.com:443": 403, "api.anaplan.com.example.com:443": 403, "xapi.anaplan.com:443": 403, "127.0.0.1:443": 403, r.address: 403, "[::1]:443": 403, "169.254.169.254:80": 403,
	} {
		if got := r.connect(t, target, mine); got.status != want {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
}

// TestReason: programs that show only the status line show why, and the connection is good for more.
func TestReason(t *testing.T) {
	r := intercepts(t, func(_ *server.Config, f *forwardRig) { f.client.RefuseOtherHosts = true })
	mine := proxyBasic("nightly", clientSecret)
	conn := r.dialTCP(t)
	for _, test := range []struct{ target, header, want string }{
		{"example.com:443", mine, "the agent is a proxy for Anaplan's hosts, and example.com:443 is not one of them"},
		{"api.anaplan.com:80", mine, "Anaplan's hosts are at port 443, and \"api.anaplan.com:80\" names another port"},
		{"api.anaplan.com:443", proxyBasic("nightly", "wrong"), "there is no client of that name with that secret"},
		{"api.anaplan.com:443", "Proxy-Authorization: Basic bmlnaHRseQ==", "the Basic login in Proxy-Authorization cannot be read: after the word Basic and one blank it is NAME:SECRET in base64, on one line"},
	} {
		old := r.dialTCP(t) // Python before 3.12 asks by HTTP/1.0
		old.send("CONNECT " + test.target + " HTTP/1.0\r\n" + test.header + "\r\n\r\n")
		if line, err := old.reader.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.0 40") || !strings.HasSuffix(line, "; "+test.want+"\r\n") {
			t.Errorf("%s by HTTP/1.0: %q %v", test.target, line, err)
		}
		conn.send("CONNECT " + test.target + " HTTP/1.1\r\nHost: " + test.target + "\r\n" + test.header + "\r\n\r\n")
		response, err := http.ReadResponse(conn.reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || !strings.HasSuffix(response.Status, "; "+test.want) || !strings.Contains(string(body), `"message"`) {
			t.Errorf("%s: %q %s %v", test.target, response.Status, body, err)
		}
	}
	if got := conn.connect("api.anaplan.com:443", mine); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// FuzzConnect: whatever is asked for, the answer is one of HTTP, and nothing but Anaplan's hosts and
// what package tunnel lets through is connected to.
func FuzzConnect(f *testing.F) {
	for _, target := range []string{
		"api.anaplan.com:443", "API.anaplan.com.:443", "example.com:443", "[::1]:443", "127.1:80", "[::ffff:169.254.169.254]:80", "a:0", "", ":", "api.anaplan.com:443@example.com:443",
		"http://api.anaplan.com/2/0/models", "//api.anaplan.com:443", "/2/0/models", "*", "%00:443", "a\xff:443", "[fe80::1%25lo]:443", strings.Repeat("a.", 200) + ":443",
	} {
		f.Add(target)
	}
	var dialled atomic.Pointer[tunnel.Target]
	r := intercepts(f, func(c *server.Config, _ *forwardRig) {
		c.Limits.Rate, c.Limits.Burst = 1e9, 1e9
		c.Tunnel = func(_ context.Context, target tunnel.Target) (net.Conn, error) {
			dialled.Store(&target)
			return nil, io.EOF
		}
	})
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, "\r\n ") {
			return
		}
		dialled.Store(nil)
		conn := r.dialTCP(t)
		defer conn.Close()
		conn.send("CONNECT " + target + " HTTP/1.1\r\nHost: x\r\n" + proxyBasic("nightly", clientSecret) + "\r\n\r\n")
		response, err := http.ReadResponse(conn.reader, &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatal(err)
		}
		parsed, problem := tunnel.Parse(target)
		to := dialled.Load()
		if to != nil && (problem != nil || *to != parsed || to.Check() != nil) {
			t.Errorf("%q led to %v (%v, %v)", target, to, parsed, problem)
		}
		if response.StatusCode == http.StatusOK && (problem != nil || parsed.Port != 443 || !r.ca.Signs(parsed.Host)) {
			t.Errorf("%q: %s", target, response.Status)
		}
	})
}

// TestWholeURLs: some clients send a proxy what they want of an https address in the clear.
func TestWholeURLs(t *testing.T) {
	r := intercepts(t, nil)
	mine := proxyBasic("nightly", clientSecret)
	token := r.tcp(t, "POST", "http://auth.anaplan.com/token/authenticate", "", mine, "Host: auth.anaplan.com", "Authorization: Basic b25jZTp1cG9u")
	if token.status != 201 {
		t.Fatalf("%d %s", token.status, token.body)
	}
	header := bearer(token.token(t).TokenInfo.TokenValue)
	for target, want := range map[string]int{
		"https://api.anaplan.com/2/0/models/M?a=b":       200,
		"https://api.anaplan.com:443/2/0/models/M":       200,
		"http://API.anaplan.com:80/2/0/models/M":         200,
		"https://api.anaplan.com./2/0/models/M":          200,
		"https://api.anaplan.com/2/0/workspaces":         403,
		"https://api.anaplan.com/2/0/models/%2e%2e/x":    400,
		"https://api.anaplan.com/v1/token":               404,
		"https://api.anaplan.com":                        400,
		"ftp://api.anaplan.com/2/0/models/M":             400,
		"https://x@api.anaplan.com/2/0/models/M":         400,
		"http://example.com/2/0/models/M":                403,
		"http://" + r.address + "/2/0/models/M":          403,
		"http://api.anaplan.com:8080/2/0/models/M":       400,
		"http://api.anaplan.com@example.com/2/0/models/": 403,
	} {
		host := "api.anaplan.com"
		if u, err := url.Parse(target); err == nil {
			host = u.Host
		}
		if got := r.tcp(t, "GET", target, "", mine, header, "Host: "+host); got.status != want {
			t.Errorf("%s: %d %s", target, got.status, got.body)
		}
	}
	for _, sent := range r.host.seen {
		if !strings.HasPrefix(sent, "GET /2/0/models/M") {
			t.Errorf("sent %q", sent)
		}
	}
}

// tunnel opens one, to say what one wants in it.
func (r *interceptRig) tunnel(t testing.TB, host string, protocols ...string) *raw {
	t.Helper()
	conn := r.dialTCP(t)
	conn.send("CONNECT " + host + ":443 HTTP/1.0\r\n" + proxyBasic("nightly", clientSecret) + "\r\n\r\n")
	line, err := conn.reader.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200 ") {
		t.Fatalf("%q %v", line, err)
	}
	if line, err = conn.reader.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	inner := tls.Client(conn.Conn, &tls.Config{RootCAs: r.roots(t), ServerName: host, NextProtos: protocols})
	t.Cleanup(func() { inner.Close() })
	return newRaw(t, inner)
}

// TestWithinATunnel: it is for the host that it was opened to, and for nothing of the agent's own.
func TestWithinATunnel(t *testing.T) {
	r := intercepts(t, nil)
	for request, want := range map[string]int{
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com":                                                   200,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com:443":                                               200,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com.":                                                  200,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com..":                                                 400,
		"GET https://api.anaplan.com/2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com":                            200,
		"GET /2/0/models/M HTTP/1.1\r\nHost: auth.anaplan.com":                                                  400,
		"GET /2/0/models/M HTTP/1.1\r\nHost: " + r.address:                                                      400,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\nOrigin: https://evil.example":                   403,
		"GET http://example.com/2/0/models/M HTTP/1.1\r\nHost: example.com":                                     403,
		"CONNECT api.anaplan.com:443 HTTP/1.1\r\nHost: api.anaplan.com:443":                                     400,
		"GET /v1/token HTTP/1.1\r\nHost: api.anaplan.com":                                                       404,
		"GET /healthz HTTP/1.1\r\nHost: api.anaplan.com":                                                        404,
		"POST /v1/unlock HTTP/1.1\r\nHost: api.anaplan.com\r\nContent-Length: 0":                                404,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\nConnection: Upgrade\r\nUpgrade: websocket":      400,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\nAuthorization: AnaplanAuthToken nobodys":        401,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\nAuthorization: Basic b25jZTp1cG9u":              200,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\nAnaplan-Agent-Profile: other":                   200,
		"GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n" + proxyBasic("nightly", "a secret of before"): 200,
	} {
		conn := r.tunnel(t, "api.anaplan.com")
		conn.send(request + "\r\n\r\n")
		if got := conn.receive(); got.status != want {
			t.Errorf("%s: %d %s", request, got.status, got.body)
		}
		conn.Close()
	}
	if got := r.tunnel(t, "auth.anaplan.com"); got != nil {
		got.send("GET / HTTP/1.1\r\nHost: auth.anaplan.com\r\n\r\n")
		if got := got.receive(); got.status != 404 || !strings.Contains(got.body, "there is nothing at") {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// TestOldTLSClients: curl -0 names HTTP/1.0 alone in ALPN, and others name nothing.
func TestOldTLSClients(t *testing.T) {
	r := intercepts(t, nil)
	for _, protocols := range [][]string{nil, {"http/1.0"}, {"h2", "http/1.1"}, {"http/1.0", "http/1.1"}} {
		conn := r.tunnel(t, "api.anaplan.com", protocols...)
		conn.send("GET /2/0/models/M HTTP/1.0\r\nHost: api.anaplan.com\r\n\r\n")
		if got := conn.receive(); got.status != 200 {
			t.Errorf("%v: %d %s", protocols, got.status, got.body)
		}
	}
}

// TestTunnelsGoOnWithASession: the second one to a host costs no certificate, whatever version of TLS.
func TestTunnelsGoOnWithASession(t *testing.T) {
	r := intercepts(t, nil)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{RootCAs: r.roots(t), ServerName: "api.anaplan.com", MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
		for i := range 2 {
			conn := r.dialTCP(t)
			conn.connect("api.anaplan.com:443", proxyBasic("nightly", clientSecret))
			inner := tls.Client(conn.Conn, config)
			again := newRaw(t, inner)
			again.send("GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n")
			if got := again.receive(); got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
			if got := inner.ConnectionState().DidResume; got != (i == 1) {
				t.Errorf("%s, tunnel %d: resumed %v", tls.VersionName(version), i, got)
			}
			conn.Close()
		}
	}
}

// TestEarlyHello: TLS may begin before the proxy has answered.
func TestEarlyHello(t *testing.T) {
	r := intercepts(t, nil)
	conn := r.dialTCP(t)
	together := &delayed{Conn: conn.Conn}
	together.first.WriteString("CONNECT api.anaplan.com:443 HTTP/1.1\r\nHost: api.anaplan.com\r\n" + proxyBasic("nightly", clientSecret) + "\r\n\r\n")
	together.skip = len("HTTP/1.1 200 Connection established\r\n\r\n")
	inner := tls.Client(together, &tls.Config{RootCAs: r.roots(t), ServerName: "api.anaplan.com"})
	if err := inner.Handshake(); err != nil {
		t.Fatal(err)
	}
	again := newRaw(t, inner)
	again.send("GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n")
	if got := again.receive(); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// delayed sends something in front of what is first written, in one piece, and skips as much of what
// comes.
type delayed struct {
	net.Conn
	first bytes.Buffer
	skip  int
}

func (d *delayed) Write(p []byte) (int, error) {
	if d.first.Len() == 0 {
		return d.Conn.Write(p)
	}
	_, err := d.Conn.Write(append(bytes.Clone(d.first.Bytes()), p...))
	d.first.Reset()
	return len(p), err
}

func (d *delayed) Read(p []byte) (int, error) {
	for d.skip > 0 {
		n, err := d.Conn.Read(p[:min(len(p), d.skip)])
		if d.skip -= n; err != nil {
			return 0, err
		}
	}
	return d.Conn.Read(p)
}

// TestOnTheSocket: there the kernel says who is calling, and headers for the proxy which client it is.
func TestOnTheSocket(t *testing.T) {
	r := intercepts(t, nil)
	for name, test := range map[string]struct {
		header, want string
	}{
		"a user":              {"X: y", "user:" + local.Self()},
		"a client by header":  {local.HeaderClient + ": nightly", "client:nightly"},
		"a client by secret":  {proxyBasic("nightly", clientSecret), "client:nightly"},
		"a client by a token": {proxyBasic("nightly", r.login(t)), "client:nightly"},
	} {
		conn := r.dial(t)
		if got := conn.connect("api.anaplan.com:443", test.header); got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
			continue
		}
		inner := newRaw(t, tls.Client(conn.Conn, &tls.Config{RootCAs: r.roots(t), ServerName: "api.anaplan.com"}))
		inner.send("GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n")
		if got := inner.receive(); got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		calls := r.records.of(server.ActionCall)
		if got := calls[len(calls)-1].Client; got != test.want {
			t.Errorf("%s: written down for %s, want %s", name, got, test.want)
		}
		conn.Close()
	}
	if got := r.ask(t, "CONNECT", "api.anaplan.com:443", "", local.HeaderClient+": nobody"); got.status/100 != 4 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestInterceptedConnectionsEnd: silent ones after the time for a header, those within a tunnel, too;
// and all of them when the agent ends.
func TestInterceptedConnectionsEnd(t *testing.T) {
	r := intercepts(t, func(c *server.Config, _ *forwardRig) {
		c.Limits.TLSTime, c.Limits.IdleTime, c.Limits.WriteTime = 200*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
	})
	silent := r.dialTCP(t)
	silent.connect("api.anaplan.com:443", proxyBasic("nightly", clientSecret))
	silent.ends()
	nonsense := r.dialTCP(t)
	nonsense.send("CONNECT api.anaplan.com:443 HTTP/1.1\r\nHost: api.anaplan.com\r\n" + proxyBasic("nightly", clientSecret) + "\r\n\r\nGET / HTTP/1.1\r\n\r\n")
	nonsense.ends()
	idle := r.tunnel(t, "api.anaplan.com")
	idle.send("GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n")
	idle.receive()
	idle.ends()
	eventually(t, "all have gone", func() bool { return r.Connections() == 0 })
}

// TestSlowWithTLS: a program that reads its certificates once it has its tunnel, on a machine that has
// more to do, has more time for its first request than one without TLS.
func TestSlowWithTLS(t *testing.T) {
	r := intercepts(t, func(c *server.Config, _ *forwardRig) { c.Limits.HeaderTime = time.Second })
	slow := r.dialTCP(t)
	if got := slow.connect("api.anaplan.com:443", proxyBasic("nightly", clientSecret)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	r.dialTCP(t).ends() // it came later, and its time is over
	inner := tls.Client(slow.Conn, &tls.Config{RootCAs: r.roots(t), ServerName: "api.anaplan.com"})
	within := newRaw(t, inner)
	within.send("GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n")
	if got := within.receive(); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestStopWithinTunnels: a call under way may end, and what is idle does not hold up the end.
func TestStopWithinTunnels(t *testing.T) {
	r := intercepts(t, nil)
	arrived, release := make(chan struct{}), make(chan struct{})
	r.host.answer(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		io.WriteString(w, "done")
	})
	idle := make([]*raw, 3)
	for i := range idle {
		idle[i] = r.dial(t)
		idle[i].connect("api.anaplan.com:443")
	}
	busy := r.dial(t)
	busy.connect("api.anaplan.com:443")
	inner := newRaw(t, tls.Client(busy.Conn, &tls.Config{RootCAs: r.roots(t), ServerName: "api.anaplan.com"}))
	inner.send("GET /2/0/models/M HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n")
	<-arrived
	r.stop()
	for _, conn := range idle {
		conn.ends()
	}
	close(release)
	if got := inner.receive(); got.status != 200 || got.body != "done" {
		t.Errorf("%d %s", got.status, got.body)
	}
	ends(t, r.done)
}

// TestInterceptedUpload: a body in pieces, larger than any buffer, and its answer, as long.
func TestInterceptedUpload(t *testing.T) {
	r := intercepts(t, nil)
	r.host.answer(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Write(body)
	})
	sent := strings.Repeat("0123456789abcdef", 1<<18)
	client := r.through(t, "nightly", clientSecret)
	got := askAnaplan(t, client, "PUT", "https://api.anaplan.com/2/0/models/M/files/1/chunks/0", sent, "Content-Type: application/octet-stream")
	if got.status != 200 || got.body != sent {
		t.Errorf("%d, %d bytes", got.status, len(got.body))
	}
}
