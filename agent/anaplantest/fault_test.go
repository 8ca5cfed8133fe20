package anaplantest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// Faults that are a whole answer, each used once, after which the service
// answers as ever.
func TestFaultAnswers(t *testing.T) {
	for _, test := range []struct {
		name              string
		fault             anaplantest.Fault
		status            int
		contentType, body string
	}{
		{"too many requests", anaplantest.TooManyRequests("7"), 429, "text/plain", "Too many"},
		{"failing", anaplantest.Failing(500), 500, "text/plain", "Internal Server Error"},
		{"unavailable", anaplantest.Unavailable(), 503, "text/html", "<html>"},
		{"blocked", anaplantest.Blocked(), 403, "text/html", "blocked"},
		{"not JSON", anaplantest.NotJSON(), 200, "text/html", "sign in"},
		{"answering", anaplantest.Answering(407, "text/x-odd", "who are you"), 407, "text/x-odd", "who are you"},
		{"answering with nothing", anaplantest.Answering(401, "", ""), 401, "", ""},
		{"endless", anaplantest.Endless(100_000), 200, "application/json", strings.Repeat("A", 100_000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCaller(t, nil)
			token := c.token()
			c.server.Fault("/token/validate", 1, test.fault)
			r := c.get("/token/validate", token).want(test.status)
			if !strings.HasPrefix(r.header.Get("Content-Type"), test.contentType) || !strings.Contains(string(r.body), test.body) {
				t.Errorf("content type %q, body %.100s", r.header.Get("Content-Type"), r.body)
			}
			c.get("/token/validate", token).want(200)
			if got := c.server.Counts(); got.Faults != 1 || got.Requests["GET /token/validate"] != 2 {
				t.Errorf("counts %+v", got)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	c := newCaller(t, nil)
	date := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	for _, want := range []string{"7", date, ""} {
		c.server.Fault("/token/refresh", 1, anaplantest.TooManyRequests(want))
		got := c.do("POST", "/token/refresh", "", "").want(429).header.Get("Retry-After")
		if got != want {
			t.Errorf("Retry-After %q, want %q", got, want)
		}
	}
}

// Faults befall the paths they name, in the order they were queued, as often as
// was said.
func TestFaultQueue(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.server.Fault("/token/validate", 2, anaplantest.Failing(500))
	c.server.Fault("/", 1, anaplantest.Failing(502))
	c.server.Fault("/2/0/", 0, anaplantest.Failing(503))
	for _, step := range []struct {
		path   string
		status int
	}{
		{"/token/validate", 500}, {"/token/validate", 500}, {"/token/validate", 502},
		{"/token/validate", 200}, {"/2/0/users/me", 503}, {"/2/0/users/me", 200},
	} {
		c.get(step.path, token).want(step.status)
	}
	c.server.Fault("/", 5, anaplantest.Failing(500))
	c.server.ClearFaults()
	c.get("/token/validate", token).want(200)
}

// Connections that break, over both versions of HTTP. A cut before the answer
// has no status, one inside it a status and half a body.
func TestCutConnections(t *testing.T) {
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for name, test := range map[string]struct {
			fault  anaplantest.Fault
			status int
			logins int
		}{
			"before": {anaplantest.Cut(), 0, 0},
			"after":  {anaplantest.CutAfter(), 0, 1},
			"inside": {anaplantest.CutInside(), 201, 1},
		} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				c := newCaller(t, nil)
				transport := c.server.Client().Transport.(*http.Transport)
				transport.ForceAttemptHTTP2 = protocol == "HTTP/2.0"
				cert := c.server.Enroll(rsaKey().Public(), nil)
				c.server.Fault("/token/authenticate", 1, test.fault)

				r, err := c.try("POST", "/token/authenticate", pemHeader(cert), signedBody(t, "v2", v2Message(time.Now())))
				if err == nil || r.status != test.status {
					t.Errorf("status %d, error %v; want %d and an error", r.status, err, test.status)
				}
				if got := c.server.Counts().Logins; got != test.logins {
					t.Errorf("%d logins, want %d", got, test.logins)
				}
				c.login(cert).want(201)
			})
		}
	}
}

// Answers that are real but for one thing.
func TestChangedAnswers(t *testing.T) {
	c := newCaller(t, nil)
	cert := c.server.Enroll(rsaKey().Public(), nil)

	c.server.Fault("/token/authenticate", 1, anaplantest.WithStatus(200))
	if c.login(cert).want(200).token().TokenInfo.TokenValue == "" {
		t.Error("the answer lost its token")
	}

	c.server.Fault("/token/authenticate", 1, anaplantest.WithExtraFields())
	extra := c.login(cert).want(201)
	info := extra.token().TokenInfo
	if info.RefreshToken == "" || info.TokenValue == "" || !strings.Contains(string(extra.body), "unheardOf") {
		t.Error("the answer lacks a field")
	}
	if left := time.Until(time.UnixMilli(info.ExpiresAt)); left < 30*time.Minute || left > 40*time.Minute {
		t.Errorf("the answer's expiresAt is off: %v left", left)
	}

	c.server.Fault("/token/authenticate", 1, anaplantest.Truncated())
	if cut := c.login(cert).want(201); json.Valid(cut.body) {
		t.Error("the JSON is whole")
	}

	// What has no JSON has no fields to add.
	token := c.token()
	c.server.Fault("/token/logout", 1, anaplantest.WithExtraFields())
	c.do("POST", "/token/logout", token, "").want(204)
}

func TestRevokeFirst(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.server.Fault("/2/0/users/me", 2, c.server.RevokeFirst())
	c.get("/2/0/users/me", token).want(401)
	c.get("/2/0/users/me", "").want(401)
}

// A hanging request answers when it is released.
func TestHangReleased(t *testing.T) {
	c := newCaller(t, nil)
	cert := c.server.Enroll(rsaKey().Public(), nil)
	release := make(chan struct{})
	c.server.Fault("/token/authenticate", 1, func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		close(release)
		anaplantest.Hang(release)(w, r, real)
	})
	c.login(cert).want(201)
}

// A hanging request ends with its client, and the end of the test ends those
// whose clients wait for ever.
func TestHangAbandoned(t *testing.T) {
	c := newCaller(t, nil)
	c.server.Fault("/token/validate", 1, anaplantest.Hang(nil))
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	ended := make(chan struct{})
	c.server.Fault("/token/refresh", 1, func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		defer close(ended) // Hang panics where the client is gone before its body is read
		close(arrived)
		anaplantest.Hang(nil)(w, r, real)
	})
	request, err := http.NewRequestWithContext(ctx, "POST", c.server.URL+"/token/refresh", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-arrived
		cancel()
	}()
	if _, err := c.server.Client().Do(request); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-ended
}

// An endless answer ends with a client that will not read on.
func TestEndlessAbandoned(t *testing.T) {
	c := newCaller(t, nil)
	ended := make(chan struct{})
	c.server.Fault("/token/validate", 1, func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		defer close(ended)
		anaplantest.Endless(1<<62)(w, r, real)
	})
	response, err := c.server.Client().Get(c.server.URL + "/token/validate")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 1<<20)); err != nil {
		t.Error(err)
	}
	response.Body.Close()
	<-ended
}
