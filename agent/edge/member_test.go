package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

// serving serves connections that a guard protects.
func (f *fleet) serving(guard *mutualtls.Guard, handler http.HandlerFunc) memberuri.URI {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	served := &http.Server{Handler: handler}
	go served.Serve(&guardedListener{listener, guard.Protect})
	f.t.Cleanup(func() { served.Close() })
	return addressOf(f.t, listener)
}

// TestTurnedAway: a member that does not take this machine's certificate has not begun a call, so the
// next one makes it, also where it changes something.
func TestTurnedAway(t *testing.T) {
	f := newFleet(t)
	other, err := mutualtlstest.NewCA("Other")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := f.ca.Issue(dir, mutualtlstest.Certificate{Names: []string{"127.0.0.1"}, Trust: other}); err != nil {
		t.Fatal(err)
	}
	strict, err := mutualtls.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	first := f.serving(strict.Guard(), func(http.ResponseWriter, *http.Request) { t.Error("the first member has the call") })
	second, _ := f.answers(text("second"))
	for range 5 {
		members := f.edge(first, second)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, members.Base()+"/2/0/x", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := members.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if _, number := members.Using(); number != 2 || response.StatusCode != http.StatusOK {
			t.Errorf("member %d answers %d", number, response.StatusCode)
		}
	}
}

// TestBodyAfterTheAnswer: a member may answer before it has the whole body, which comes to it all the same.
func TestBodyAfterTheAnswer(t *testing.T) {
	f := newFleet(t)
	address, _ := f.answers(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		control.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		control.Flush()
		io.Copy(w, r.Body)
	})
	members := f.edge(address)
	body, end := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, members.Base()+"/2/0/x", body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := members.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.WriteString(end, "late"); err != nil {
		t.Error(err)
	}
	end.Close()
	if got, err := io.ReadAll(response.Body); string(got) != "late" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// closing is a body that there is once, and that knows whether it was closed.
type closing struct {
	io.Reader
	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

// TestBodiesAreClosed: whatever comes of a request, its body is closed.
func TestBodiesAreClosed(t *testing.T) {
	f := newFleet(t)
	good, _ := f.answers(text("good"))
	gone, stop := f.answers(text("gone"))
	stop()
	breaking, _ := f.answers(cut)
	troubled, _ := f.answers(inTrouble(agent.CodeDeviceAbsent))
	for name, members := range map[string]*Members{
		"answered": f.edge(good), "down": f.edge(gone), "down, and then one that is not": f.edge(gone, good),
		"broken": f.edge(breaking, good), "in trouble": f.edge(troubled), "in trouble, and then down": f.edge(troubled, gone),
	} {
		body := &closing{Reader: strings.NewReader("body")}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, members.Base()+"/2/0/x", body)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := members.RoundTrip(req); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		for deadline := time.Now().Add(time.Minute); !body.closed.Load(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s: the body stays open", name)
				break
			}
		}
	}
}

// asMember answers what edges ask a member about tokens.
type asMember struct {
	status int
	body   any
	date   string // of its clock; "": it does not say
	asked  atomic.Pointer[http.Request]
}

func (m *asMember) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.asked.Store(r)
	w.Header()["Date"] = nil
	if m.date != "" {
		w.Header().Set("Date", m.date)
	}
	w.WriteHeader(m.status)
	json.NewEncoder(w).Encode(m.body)
}

// with has a member that answers so, and returns an edge that knows it as a client.
func (m *asMember) edge(f *fleet) *Members {
	address, _ := f.answers(m.ServeHTTP)
	address.Client = "nightly"
	return f.edge(address)
}

func tokenUntil(ends time.Time) local.TokenBody {
	return local.TokenBody{Token: local.TokenInfo{ID: "id", Value: "aap_x", RefreshID: "r", ExpiresAt: ends.UnixMilli()}}
}

// TestTokensByTheMembersClock: how long a token lives is counted from what the member's clock says, and
// where it does not say, by that of this machine.
func TestTokensByTheMembersClock(t *testing.T) {
	f, now := newFleet(t), time.Now()
	for _, skew := range []time.Duration{0, -time.Hour, time.Hour} {
		member := &asMember{status: http.StatusCreated, body: tokenUntil(now.Add(skew + 35*time.Minute)), date: now.Add(skew).UTC().Format(http.TimeFormat)}
		members := member.edge(f)
		token, err := members.Authenticate(t.Context(), nil)
		if left := time.Until(token.ExpiresAt); err != nil || left < 34*time.Minute || left > 36*time.Minute {
			t.Errorf("its clock is %v off: %v left, %v", skew, left, err)
		}
		if token.ID != "id" || token.RefreshID != "r" || token.Value.Reveal() != "aap_x" {
			t.Errorf("got %+v", token)
		}
		asked := member.asked.Load()
		if asked.URL.Path != "/token/authenticate" || asked.Method != http.MethodPost || asked.Header.Get(local.HeaderClient) != "nightly" || asked.Header["Authorization"] != nil {
			t.Errorf("asked %s %s with %v", asked.Method, asked.URL, asked.Header)
		}
	}
	member := &asMember{status: http.StatusCreated, body: tokenUntil(now.Add(time.Hour))}
	if token, err := member.edge(f).Authenticate(t.Context(), nil); err != nil || token.ExpiresAt.UnixMilli() != now.Add(time.Hour).UnixMilli() {
		t.Errorf("without a clock: %v, %v", token.ExpiresAt, err)
	}
}

// TestAnswersAboutTokens: what a member says of a token, and what that means here.
func TestAnswersAboutTokens(t *testing.T) {
	f := newFleet(t)
	problem := func(code agent.Code) any {
		return map[string]any{"problem": agent.Problemf(code, "it does not do that")}
	}
	user := local.TokenBody{User: &local.TokenUser{GUID: "g", ID: "a@b", CustomerGUID: "c"}}
	token := agent.Token{Value: agent.NewSecret("aap_x")}
	call := map[string]func(*Members) error{
		"authenticate": func(m *Members) error { _, err := m.Authenticate(t.Context(), nil); return err },
		"refresh":      func(m *Members) error { _, err := m.Refresh(t.Context(), token); return err },
		"logout":       func(m *Members) error { return m.Logout(t.Context(), token) },
		"validate": func(m *Members) error {
			who, err := m.Validate(t.Context(), token)
			if err == nil && (who.UserID != "a@b" || who.UserGUID != "g" || who.CustomerGUID != "c") {
				t.Errorf("it is %+v's", who)
			}
			return err
		},
	}
	for _, test := range []struct {
		call   string
		status int
		body   any
		code   agent.Code // of the problem; "": none, or isRefused
		gone   bool       // the token counts as refused, so that a login follows
	}{
		{"authenticate", 201, tokenUntil(time.Now().Add(time.Hour)), "", false},
		{"authenticate", 201, local.TokenBody{}, agent.CodeDeviceFailed, false},
		{"authenticate", 201, "no token", agent.CodeDeviceFailed, false},
		{"authenticate", 502, "a proxy's", agent.CodeDeviceFailed, false},
		{"authenticate", 503, problem(agent.CodeRateLimited), agent.CodeRateLimited, false},
		{"refresh", 200, tokenUntil(time.Now().Add(time.Hour)), "", false},
		{"refresh", 401, problem(agent.CodeUnauthorized), "", true},
		{"refresh", 503, problem(agent.CodeStopping), "", true},
		{"logout", 204, nil, "", false},
		{"logout", 401, problem(agent.CodeUnauthorized), "", true},
		{"logout", 503, problem(agent.CodeStopping), agent.CodeStopping, false},
		{"validate", 200, user, "", false},
		{"validate", 200, local.TokenBody{}, agent.CodeServerRefused, false},
		{"validate", 401, problem(agent.CodeUnauthorized), "", true},
		{"validate", 503, problem(agent.CodeUnreachable), agent.CodeUnreachable, false},
	} {
		member := &asMember{status: test.status, body: test.body}
		err := call[test.call](member.edge(f))
		told, _ := errors.AsType[*agent.Problem](err)
		switch {
		case errors.Is(err, anaplan.ErrTokenRefused) != test.gone, (err == nil) != (test.code == "" && !test.gone):
			t.Errorf("%s, %d %v: %v", test.call, test.status, test.body, err)
		case test.code != "" && (told == nil || told.Code != test.code):
			t.Errorf("%s, %d: %v, want %s", test.call, test.status, err, test.code)
		}
		if asked := member.asked.Load(); test.call != "authenticate" && asked.Header.Get("Authorization") != "AnaplanAuthToken aap_x" {
			t.Errorf("%s: asked with %v", test.call, asked.Header)
		}
	}
}

// A token that nobody can be asked about is ended, or is replaced at the next member.
func TestTokensOfMembersThatAreDown(t *testing.T) {
	f := newFleet(t)
	address, stop := f.answers(text("gone"))
	stop()
	members, token := f.edge(address), agent.Token{Value: agent.NewSecret("aap_x")}
	_, invalid := members.Validate(t.Context(), token)
	_, login := members.Authenticate(t.Context(), nil)
	if told, ok := errors.AsType[*agent.Problem](login); !ok || told.Code != agent.CodeDeviceAbsent || told.Final || told.Wait != downWait || !strings.Contains(told.Message, "the connection was refused") {
		t.Errorf("a login: %v", login)
	}
	if err := members.Logout(t.Context(), token); !errors.Is(err, anaplan.ErrTokenRefused) || !errors.Is(invalid, anaplan.ErrTokenRefused) {
		t.Errorf("got %v, %v", err, invalid)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := members.Authenticate(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// TestLook: what a member says of itself, or why it says nothing.
func TestLook(t *testing.T) {
	f := newFleet(t)
	good := local.Status{Caller: &local.RemoteCaller{Certificate: "edge.corp"}}
	for _, test := range []struct {
		status int
		body   any
		want   string // of the error
	}{
		{200, good, ""},
		{200, local.Status{}, "it does not answer as an agent does"},
		{200, "hello", "it does not answer as an agent does"},
		{403, agent.Problemf(agent.CodeNotAllowed, "nobody knows you"), "nobody knows you"},
		{404, "page", "the agent's answer makes no sense: it has HTTP status 404 and is not a problem that an agent reports"},
	} {
		member := &asMember{status: test.status, body: test.body, date: time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}
		look := member.edge(f).Look(t.Context())[0]
		if test.want == "" != (look.Err == nil) || look.Err != nil && look.Err.Error() != test.want {
			t.Errorf("%d %v: %v, want %q", test.status, test.body, look.Err, test.want)
		}
		if look.Skew < 59*time.Minute || look.Skew > 61*time.Minute || test.want == "" && look.Status.Caller.Certificate != "edge.corp" {
			t.Errorf("got %+v", look)
		}
	}
}

// TestReasons: why there is no connection is said in words.
func TestReasons(t *testing.T) {
	for want, err := range map[string]error{
		`there is no host "x"`:                                     &net.DNSError{Name: "x", IsNotFound: true},
		`the name "x" cannot be looked up now`:                     &net.DNSError{Name: "x", IsTimeout: true},
		"it has not answered within 3s":                            context.DeadlineExceeded,
		"does not speak TLS: is it the port of listen_tls?":        tls.RecordHeaderError{},
		"it has no certificate that can be used: its own log says": &net.OpError{Op: "remote error", Err: errors.New(tls.AlertError(80).Error())},
		"something else":                                           errors.New("something else"),
	} {
		if got := reason(fmt.Errorf("dialling: %w", err)); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}

// piped is a member in a bubble, where there are no sockets.
type piped struct{ up atomic.Bool }

func (p *piped) dial(context.Context, string, string) (net.Conn, error) {
	if !p.up.Load() {
		return nil, &unreachedError{errors.New("refused")}
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		for reader := bufio.NewReader(there); ; {
			if _, err := http.ReadRequest(reader); err != nil || !p.up.Load() {
				return
			}
			fmt.Fprint(there, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	}()
	return here, nil
}

// TestRun: by itself an edge goes back to a member that comes before the one in use, after a while, and
// notices within two seconds that one can be reached after none could.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		var both [2]piped
		members := New(Config{
			Members: []memberuri.URI{{Host: "first.corp", Port: "1"}, {Host: "second.corp", Port: "1"}},
			Back:    func() { told.Add(1) },
		})
		for i := range both {
			members.all[i].http.DialTLSContext = both[i].dial
		}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			members.Run(ctx)
		}()
		both[1].up.Store(true)
		members.use(0, 1)
		time.Sleep(backAfter + 2*backEvery)
		if _, number := members.Using(); number != 2 {
			t.Error("it goes back to a member that is down")
		}
		both[0].up.Store(true)
		time.Sleep(backEvery)
		synctest.Wait()
		if _, number := members.Using(); number != 1 {
			t.Error("it does not go back")
		}

		both[0].up.Store(false)
		both[1].up.Store(false)
		members.all[0].http.CloseIdleConnections()
		members.all[1].http.CloseIdleConnections()
		members.unreachable(nil)
		time.Sleep(time.Minute)
		if told.Load() != 0 {
			t.Error("a member is back that is down")
		}
		both[1].up.Store(true)
		time.Sleep(2 * downWait)
		synctest.Wait()
		if told.Load() != 1 {
			t.Errorf("told %d times", told.Load())
		}
		end()
		<-ended
	})
}
