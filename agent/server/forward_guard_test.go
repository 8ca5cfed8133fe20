package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// A client that sends all before it reads learns why it was refused.
func TestRefusedUploadIsToldWhy(t *testing.T) {
	f := forwards(t, nil)
	token := f.login(t)
	body := strings.Repeat("x", 20<<20)
	for path, want := range map[string]int{"/2/0/workspaces/W": 403, "/2/0/models/M/files/F/chunks/0": 401, "/2/0/models/..": 400} {
		conn := f.dialTCP(t)
		header := bearer(token)
		if want == 401 {
			header = bearer("aap_" + strings.Repeat("B", 43))
		}
		conn.send(fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n", path, f.address, header, len(body)) + body)
		if got := conn.receive(); got.status != want || got.header.Get("Anaplan-Agent-Problem") == "" {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
		}
		conn.Close()
	}
	f.host.Close() // what is refused for another reason is told likewise
	conn := f.dialTCP(t)
	conn.send(fmt.Sprintf("PUT /2/0/models/M/files/F/chunks/0 HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Length: %d\r\n\r\n", f.address, bearer(token), len(body)) + body)
	if got := conn.receive(); got.status != 503 || got.problem().Code != agent.CodeUnreachable {
		t.Errorf("unreachable: %d %s", got.status, got.body)
	}
	conn.Close()
	eventually(t, "their places are free", func() bool { return f.Connections() == 0 })
}

// A refused upload that is slow or stalled is not waited for.
func TestRefusedUploadThatStalls(t *testing.T) {
	f := forwards(t, hasty)
	conn := f.dialTCP(t)
	conn.send("PUT /2/0/workspaces/W HTTP/1.1\r\nHost: " + f.address + "\r\n" + bearer(f.login(t)) + "\r\nContent-Length: 1000\r\n\r\n")
	if got := conn.receive(); got.status != 403 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Attempts at what is refused before any policy are written down, too.
func TestDenialsOfTricksAreRecorded(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	for _, request := range []string{"GET /2/0/models/..%2fusers", "TRACE /2/0/models/M", "GET /2/0//models"} {
		method, path, _ := strings.Cut(request, " ")
		before := len(f.records.of(server.ActionDenied))
		f.tcp(t, method, path, "", token)
		if got := f.records.of(server.ActionDenied); len(got) != before+1 || got[before].Call.Method != method || !strings.HasPrefix(got[before].Call.Path, "/2/0/") {
			t.Errorf("%s: %+v", request, got[before:])
		}
	}
	for _, header := range []string{"Origin: https://evil.example", "Host: evil.example"} {
		before := len(f.records.of(server.ActionDenied))
		f.tcp(t, "GET", "/2/0/models/M", "", token, header)
		if got := f.records.of(server.ActionDenied); len(got) != before+1 {
			t.Errorf("%s: %d lines", header, len(got)-before)
		}
	}
	before := len(f.records.of(server.ActionCall))
	if got := f.tcp(t, "GET", "/2/0/models/M", "", token, "Connection: Upgrade", "Upgrade: websocket"); got.status != 400 || !strings.Contains(got.body, "cannot be upgraded") {
		t.Errorf("an upgrade: %d %s", got.status, got.body)
	}
	if got := f.records.of(server.ActionCall); len(got) != before {
		t.Errorf("an upgrade was refused, and recorded as a call: %+v", got)
	}
}

// Strangers use up neither a client's logins nor its lines.
func TestStrangersTakeNothingFromClients(t *testing.T) {
	f := forwards(t, func(c *server.Config, _ *forwardRig) { c.Limits = server.Limits{Rate: 1000, Burst: 100_000} })
	token := bearer(f.login(t))
	for range 300 {
		if got := f.tcp(t, "POST", "/token/authenticate", "", basic("nightly", "wrong")); got.status != 401 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := len(f.records.of(server.ActionDenied)); got < 50 || got > 250 {
		t.Errorf("%d lines about strangers", got)
	}
	for range 50 {
		f.login(t)
	}
	before := len(f.records.of(server.ActionDenied))
	f.tcp(t, "DELETE", "/2/0/models/M", "", token)
	if got := f.records.of(server.ActionDenied); len(got) != before {
		t.Logf("%d more lines", len(got)-before)
	}
	if !strings.Contains(f.log.String(), "more is refused than is written down") {
		t.Error("the log says nothing of what has no line")
	}
}

// A secret that is given as the name must not get into the log.
func TestNameThatIsNoClientsIsNotRecorded(t *testing.T) {
	f := forwards(t, nil)
	f.tcp(t, "POST", "/token/authenticate", "", basic(clientSecret, "nightly"))
	f.ask(t, "GET", "/2/0/models", "", "Anaplan-Agent-Client: "+strings.ReplaceAll(clientSecret, " ", "-"))
	got := f.records.of(server.ActionDenied)
	if len(got) != 2 || strings.Contains(fmt.Sprintf("%+v", got), "nightly") || got[0].Client != "client:?" {
		t.Errorf("%+v", got)
	}
}

func TestSecretOutOfAFile(t *testing.T) {
	f := forwards(t, nil)
	for _, end := range []string{"\n", "\r\n", " \n"} {
		if got := f.tcp(t, "POST", "/token/authenticate", "", basic("nightly", clientSecret+end)); got.status != 201 {
			t.Errorf("%q: %d %s", end, got.status, got.body)
		}
	}
}

func TestBothPoliciesAreTold(t *testing.T) {
	f := forwards(t, func(_ *server.Config, f *forwardRig) { f.profile.Policy = rules(t, "GET /2/0/workspaces") })
	got := f.tcp(t, "GET", "/2/0/users/me", "", bearer(f.login(t)))
	if want := "the policy of client nightly and the policy of the profile default have no rule for GET /2/0/users/me"; got.problem().Message != want {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A profile that a reload replaces while a call waits for its token does not end the call.
func TestReloadWhileACallWaits(t *testing.T) {
	asked := make(chan struct{})
	u := &upstream{sign: func(ctx context.Context, _ bool, _ agent.NotifyFunc) error {
		close(asked)
		<-ctx.Done()
		return context.Cause(ctx)
	}}
	keeper := agent.NewKeeper(agent.KeeperConfig{Sign: u.Sign, Exchange: u})
	running, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); keeper.Run(running) }()
	defer func() { stop(); <-done }()

	var now atomic.Pointer[server.Profile]
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		now.Store(f.host.proxied(t, &server.Profile{Keeper: keeper}, nil))
		c.Profiles = func() map[string]*server.Profile { return map[string]*server.Profile{"default": now.Load()} }
	})
	conn := f.dialTCP(t)
	conn.send("GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\n" + nightly + "\r\n\r\n")
	<-asked
	now.Store(f.host.proxied(t, profile(t, &upstream{}), nil))
	stop()
	if got := conn.receive(); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// names is a policy.Names that fails.
type failingNames struct{ err error }

func (n failingNames) Name(context.Context, string, string, string, string) (string, error) {
	return "", n.err
}

func TestNamesThatCannotBeLookedUp(t *testing.T) {
	refused := func(status int, after time.Duration) error {
		return fmt.Errorf("tried 2 times: %w", &integration.APIError{Status: status, Method: "GET", Path: "/2/0/models", RetryAfter: after})
	}
	for _, test := range []struct {
		err   error
		want  int
		after string // the header Retry-After
	}{
		{refused(429, 7*time.Second), 429, "7"},
		{refused(429, 0), 429, "10"},
		{refused(429, 24*time.Hour), 429, "300"},
		{refused(502, 0), 503, "10"},
		{refused(500, 0), 503, "10"},
		{refused(410, 0), 503, "10"},
		{refused(503, 30*time.Second), 503, "30"},
		{refused(403, 0), 502, ""},
		{refused(422, 0), 502, ""},
		{fmt.Errorf("GET /2/0/models: %w: a page", integration.ErrResponse), 503, "10"},
		{&proxy.UnreachableError{Host: "h", Err: errors.New("no answer came in time"), Timeout: true}, 503, "10"},
		{errors.New("who knows"), 500, ""},
	} {
		err, want := test.err, test.want
		f := forwards(t, func(_ *server.Config, f *forwardRig) {
			f.client.Policy = rules(t, `run process "Nightly load" in model "Plan"`)
			f.profile.Names = failingNames{err}
		})
		got := f.tcp(t, "POST", "/2/0/models/0123/processes/1/tasks", "{}", bearer(f.login(t)))
		if got.status != want || !strings.Contains(got.problem().Message, "names things") {
			t.Errorf("%v: %d %s", err, got.status, got.body)
		}
		if got := got.header.Get("Retry-After"); got != test.after {
			t.Errorf("%v: Retry-After is %q, want %q", err, got, test.after)
		}
		if f.host.calls.Load() != 0 {
			t.Error("it was called all the same")
		}
	}
}

// In HTTP/1.0 the length of a body must be said, and nothing follows on the connection.
func TestHTTP10(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	hidden := fmt.Sprintf("GET /2/0/models/HIDDEN HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", f.address, token)
	for _, test := range []struct {
		head, body string
		want       int
	}{
		{"PUT /2/0/models/M/files/F/chunks/0", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411},
		{"PUT /2/0/models/M/files/F/chunks/0", "\r\nabc", 411},
		{"POST /token/authenticate", "\r\n", 411},
		{"PUT /2/0/models/M/files/F/chunks/0", "Content-Length: 3\r\n\r\nabc", 200},
		{"GET /2/0/models/M", "\r\n", 200},
	} {
		conn := f.dialTCP(t)
		conn.send(fmt.Sprintf("%s HTTP/1.0\r\nHost: %s\r\nConnection: keep-alive\r\n%s\r\n%s%s", test.head, f.address, token, test.body, hidden))
		if got := conn.receive(); got.status != test.want {
			t.Errorf("%s %q: %d %s, want %d", test.head, test.body, got.status, got.body, test.want)
		}
		if rest, _ := io.ReadAll(conn.reader); len(rest) > 0 {
			t.Errorf("%s %q: after the answer there is %q", test.head, test.body, rest)
		}
		conn.Close()
	}
	for _, call := range f.records.of(server.ActionCall) {
		if strings.Contains(call.Call.Path, "HIDDEN") {
			t.Errorf("what was hidden in a body was called")
		}
	}
}

// The same where there is no time to look at the request.
func TestHTTP10WhenThereIsTooMuch(t *testing.T) {
	f := forwards(t, func(config *server.Config, _ *forwardRig) { config.Limits.Rate, config.Limits.Burst = 1e-9, 1 })
	for range 2000 {
		if got := f.tcp(t, "GET", "/2/0/models/M", ""); got.status == 429 {
			break
		}
	}
	conn := f.dialTCP(t)
	conn.send("PUT /2/0/models/M/files/F/chunks/0 HTTP/1.0\r\nHost: " + f.address + "\r\nConnection: keep-alive\r\n\r\nGET /2/0/models/HIDDEN HTTP/1.1\r\nHost: " + f.address + "\r\n\r\n")
	if got := conn.receive(); got.status != 429 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if rest, _ := io.ReadAll(conn.reader); len(rest) > 0 {
		t.Errorf("after the answer there is %q", rest)
	}
}

// A client that wants to change something is told when it may have been done.
func TestChangeThatMayHaveBeenMade(t *testing.T) {
	f := forwards(t, nil)
	token := bearer(f.login(t))
	told := func(method string) bool {
		t.Helper()
		got := f.tcp(t, method, "/2/0/models/M/files/F", "", token)
		if got.status != 503 || got.problem().Code != agent.CodeUnreachable {
			t.Errorf("%s: %d %s", method, got.status, got.body)
		}
		return slices.Contains(got.problem().Hints, proxy.MayBeDone)
	}
	f.host.answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if !told("POST") || told("GET") {
		t.Error("after a connection that broke: a POST is not told, or a GET is")
	}
	f.host.Close()
	if told("POST") {
		t.Error("nobody was there to do it")
	}
}

// Clients that send their secret only when they are asked for it are asked.
func TestChallenge(t *testing.T) {
	f := forwards(t, nil)
	for _, got := range []answer{f.tcp(t, "GET", "/2/0/models/M", ""), f.tcp(t, "POST", "/token/authenticate", "", basic("nightly", "wrong"))} {
		if got.status != 401 || got.header.Get("WWW-Authenticate") != `Basic realm="anaplan-agent"` {
			t.Errorf("%d, %v", got.status, got.header)
		}
	}
	if got := f.tcp(t, "POST", "/token//authenticate", "", nightly); got.status != 404 || !strings.Contains(got.body, "write one slash where there are two") {
		t.Errorf("two slashes: %d %s", got.status, got.body)
	}
}
