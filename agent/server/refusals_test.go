package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// answered sends a request on a connection and returns the answer as net/http has it.
func (f *forwardRig) answered(t *testing.T, conn *raw, method, path string, more ...string) *http.Response {
	t.Helper()
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: " + f.address, nightly}, more...)
	conn.send(strings.Join(lines, "\r\n") + "\r\n\r\n")
	response, err := http.ReadResponse(conn.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return response
}

// The reason phrase of a refusal says what would allow it: Anaplan Connect shows nothing else. The
// connection goes on, and what follows has the usual phrase.
func TestReasonSaysTheRule(t *testing.T) {
	f := forwards(t, nil)
	conn := f.dialTCP(t)
	for range 3 {
		refused := f.answered(t, conn, "DELETE", "/2/0/models/M/files/F")
		refused.Body.Close()
		if want := "403 Forbidden; this rule would allow it: DELETE /2/0/models/M/files/F; the policy of client nightly has no rule for"; !strings.HasPrefix(refused.Status, want) {
			t.Errorf("status line %q", refused.Status)
		}
		allowed := f.answered(t, conn, "GET", "/2/0/models/M")
		allowed.Body.Close()
		if allowed.Status != "200 OK" {
			t.Errorf("status line %q", allowed.Status)
		}
	}
	// Before the body has come, too.
	upload := f.answered(t, conn, "PUT", "/2/0/models/M/imports/I", "Content-Length: 1000000")
	if !strings.Contains(upload.Status, "this rule would allow it: PUT /2/0/models/M/imports/I") {
		t.Errorf("status line %q", upload.Status)
	}
	// What is Anaplan's own is passed on as it is.
	f.host.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	own := f.answered(t, f.dialTCP(t), "GET", "/2/0/models/M")
	if own.Status != "403 Forbidden" {
		t.Errorf("Anaplan's: %q", own.Status)
	}
	stranger := f.dialTCP(t)
	stranger.send("GET /2/0/models/M HTTP/1.1\r\nHost: " + f.address + "\r\n\r\n")
	if got, err := http.ReadResponse(stranger.reader, nil); err != nil || !strings.HasPrefix(got.Status, "401 Unauthorized; there is no Authorization header") {
		t.Errorf("%v, error %v", got, err)
	}
}

// A refusal is seen where the client may show nothing: one line of the log for each rule that is
// missing, and the last ones in the status, for those who may know of the client.
func TestRefusalsAreSeen(t *testing.T) {
	var refused int
	f := forwards(t, func(c *server.Config, f *forwardRig) {
		c.Refused = func(r server.Record) {
			refused++
			if r.Client != "client:nightly" || r.Profile != "default" {
				t.Errorf("%+v", r)
			}
		}
	})
	conn := f.dialTCP(t)
	for n := range 7 {
		f.answered(t, conn, "DELETE", fmt.Sprintf("/2/0/models/6D203BA7549241C7BEE26C93DE987F12/processes/118000000001/tasks/%d", n)).Body.Close()
	}
	f.answered(t, conn, "POST", "/2/0/models").Body.Close()
	if got := strings.Count(f.log.String(), "a policy refuses a call"); got != 2 || refused != 8 {
		t.Errorf("%d lines and %d counted for 8 calls and 2 rules:\n%s", got, refused, f.log)
	}
	if !strings.Contains(f.log.String(), `rule="run process 118000000001 in model 6D203BA7549241C7BEE26C93DE987F12"`) {
		t.Errorf("the log does not say which rule:\n%s", f.log)
	}
	status, err := local.NewClient(f.socket).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Refusals) != 2 || status.Refusals[0].Path != "/2/0/models" || status.Refusals[1].Count != 7 ||
		status.Refusals[1].Client != "client:nightly" || status.Refusals[1].Rule != "run process 118000000001 in model 6D203BA7549241C7BEE26C93DE987F12" ||
		!strings.HasSuffix(status.Refusals[1].Path, "/tasks/6") || time.Since(status.Refusals[1].At) > time.Hour {
		text, _ := json.MarshalIndent(status.Refusals, "", " ")
		t.Errorf("%s", text)
	}
}

// One client cannot hide what others are refused, nor fill the log.
func TestRefusalsOfOneAreBounded(t *testing.T) {
	f := forwards(t, nil)
	f.answered(t, f.dialTCP(t), "POST", "/2/0/models").Body.Close()
	conn := f.dial(t)
	for n := range 50 {
		conn.send(fmt.Sprintf("POST /2/0/models/%d HTTP/1.1\r\nHost: x\r\nAnaplan-Agent-Client: nightly\r\n\r\n", n))
		conn.receive()
	}
	status, err := local.NewClient(f.socket).Status(t.Context())
	if err != nil || len(status.Refusals) != 10 {
		t.Errorf("%d are kept, error %v", len(status.Refusals), err)
	}
	if got := strings.Count(f.log.String(), "a policy refuses a call"); got > 15 {
		t.Errorf("%d lines", got)
	}
}

// Several slashes at the beginning count as one, and nothing else does: what is decided on is what is
// sent.
func TestLeadingSlashes(t *testing.T) {
	f := forwards(t, nil)
	for _, path := range []string{"//2/0/models/M", "////2/0/models/M"} {
		if got := f.tcp(t, "GET", path, "", nightly); got.status != 200 || got.body != "GET /2/0/models/M" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for path, want := range map[string]int{
		"//2/0/models/M/../../users": 400, "/%2f2/0/models/M": 400, "//%2f2/0/models/M": 400, "//2//0/models/M": 400,
		"/2/0//models/M": 400, "//2/0/users/me": 403, "//2/0/models%2fM": 400, "//v1/token": 404, "/%2fv1/token": 404,
	} {
		if got := f.tcp(t, "GET", path, "", nightly); got.status != want {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
		}
	}
	if calls := f.host.calls.Load(); calls != 2 {
		t.Errorf("%d calls", calls)
	}
	if got := f.tcp(t, "POST", "//token/authenticate", "", nightly); got.status != 201 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A phantom token is taken in the place of a client's secret, with its name. What is asked for with it
// ends with it.
func TestPhantomAsPassword(t *testing.T) {
	store := phantom.New(phantom.Config{})
	f := forwards(t, func(c *server.Config, _ *forwardRig) { c.Phantoms = store })
	// As exec gets it on the socket: bound to the user, also where it is used over TCP.
	socket := f.dial(t)
	socket.send("POST /token/authenticate HTTP/1.1\r\nHost: x\r\n" + nightly + "\r\n\r\n")
	given := socket.receive().token(t).TokenInfo.TokenValue
	if got := f.tcp(t, "GET", "/2/0/models/M", "", basic("nightly", given)); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, name := range []string{"", "other", "client:nightly"} {
		if got := f.tcp(t, "POST", "/token/authenticate", "", basic(name, given)); got.status != 401 || strings.Contains(got.body, given) {
			t.Errorf("as %q: %d %s", name, got.status, got.body)
		}
	}
	got := f.tcp(t, "POST", "/token/authenticate", "", basic("nightly", given))
	own := got.token(t).TokenInfo.TokenValue
	if got.status != 201 || own == given {
		t.Fatalf("%d %s", got.status, got.body)
	}
	was, _ := store.Find(given)
	if held, err := store.Find(own); err != nil || held.User == "" || held.User != was.User || held.Client != was.Client || held.Parent != was.ID {
		t.Errorf("%+v of %+v, error %v", held, was, err)
	}
	further := f.tcp(t, "POST", "/token/authenticate", "", basic("nightly", own)).token(t).TokenInfo.TokenValue
	// A program that logs out ends what it got, and not what it was given.
	if got := f.tcp(t, "POST", "/token/logout", "", bearer(own)); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for token, want := range map[string]int{own: 401, further: 200, given: 200} {
		if got := f.tcp(t, "GET", "/2/0/models/M", "", bearer(token)); got.status != want {
			t.Errorf("%d %s, want %d", got.status, got.body, want)
		}
	}
	f.tcp(t, "POST", "/token/logout", "", bearer(given))
	for _, header := range []string{bearer(further), basic("nightly", further), basic("nightly", given)} {
		if got := f.tcp(t, "GET", "/2/0/models/M", "", header); got.status != 401 {
			t.Errorf("after the end of the one that was given: %d %s", got.status, got.body)
		}
		if got := f.tcp(t, "POST", "/token/authenticate", "", header); got.status == 201 {
			t.Errorf("after the end of the one that was given: %d %s", got.status, got.body)
		}
	}
}
