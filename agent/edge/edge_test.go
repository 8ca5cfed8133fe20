package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
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
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// fleet is a company's machines.
type fleet struct {
	t  *testing.T
	ca *mutualtlstest.CA
}

func newFleet(t *testing.T) *fleet {
	ca, err := mutualtlstest.NewCA("Ours")
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{t, ca}
}

// machine returns the Identity of a machine.
func (f *fleet) machine(names ...string) *mutualtls.Identity {
	f.t.Helper()
	dir := f.t.TempDir()
	if err := f.ca.Issue(dir, mutualtlstest.Certificate{Names: names}); err != nil {
		f.t.Fatal(err)
	}
	identity, err := mutualtls.Open(dir, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return identity
}

// answers has a member answer in a way, and returns its address. stop ends it at once, as a kill does.
func (f *fleet) answers(handler http.HandlerFunc) (address memberuri.URI, stop func()) {
	f.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	guard := f.machine("127.0.0.1").Guard()
	served := &http.Server{Handler: handler}
	go served.Serve(&guardedListener{listener, guard.Protect})
	stop = func() { served.Close() }
	f.t.Cleanup(stop)
	return addressOf(f.t, listener), stop
}

func addressOf(t *testing.T, listener net.Listener) memberuri.URI {
	address, err := memberuri.Parse("agent:https://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

type guardedListener struct {
	net.Listener
	protect func(net.Conn) *mutualtls.Conn
}

func (l *guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.protect(conn), nil
}

// edge returns the Members for a machine.
func (f *fleet) edge(members ...memberuri.URI) *Members {
	return New(Config{Members: members, Identity: f.machine("edge.corp")})
}

func text(says string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", says, r.Header.Get("Authorization"), body)
	}
}

// inTrouble is a member with a problem of its own.
func inTrouble(code agent.Code) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(local.HeaderProblem, string(code))
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"problem":{"code":%q,"message":"in trouble"}}`, code)
	}
}

// cut breaks the connection when a request has come.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// unseekable is a body that there is once.
type unseekable struct{ io.Reader }

// TestCallsGoOn: what a member has not begun another one does, and what it may have done is not done
// twice.
func TestCallsGoOn(t *testing.T) {
	f := newFleet(t)
	good, _ := f.answers(text("second"))
	gone, stop := f.answers(text("gone"))
	stop()
	troubled, _ := f.answers(inTrouble(agent.CodeDeviceAbsent))
	breaking, _ := f.answers(cut)
	offline, _ := f.answers(inTrouble(agent.CodeUnreachable))
	refusing, _ := f.answers(inTrouble(agent.CodeNotAllowed))
	tests := []struct {
		name   string
		first  memberuri.URI
		method string
		body   io.Reader
		want   string // "": an error
		status int
	}{
		{"down", gone, "POST", strings.NewReader("body"), "second  body", 200},
		{"down, with a body that there is once", gone, "POST", unseekable{strings.NewReader("body")}, "second  body", 200},
		{"in trouble", troubled, "POST", strings.NewReader("body"), "second  body", 200},
		{"broken, a read", breaking, "GET", nil, "second  ", 200},
		{"broken, a change", breaking, "POST", nil, "", 0},
		{"broken, with a body", breaking, "PUT", strings.NewReader("body"), "", 0},
		{"without Anaplan, a read", offline, "GET", nil, "second  ", 200},
		{"without Anaplan, a change", offline, "POST", nil, "in trouble", 503},
		{"it refuses the call", refusing, "GET", nil, "in trouble", 503},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			members := f.edge(test.first, good)
			req, err := http.NewRequestWithContext(t.Context(), test.method, members.Base()+"/2/0/x", test.body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "AnaplanAuthToken secret")
			response, err := members.RoundTrip(req)
			if err != nil {
				if test.want != "" {
					t.Error(err)
				}
				return
			}
			got, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if test.want == "" || !strings.Contains(string(got), test.want) || response.StatusCode != test.status || strings.Contains(string(got), "secret") {
				t.Errorf("got %d %s", response.StatusCode, got)
			}
			_, number := members.Using()
			if isSecond := number == 2; isSecond != strings.HasPrefix(test.want, "second") {
				t.Errorf("member %d is in use", number)
			}
		})
	}
}

// TestFirstAgain: the first member is used again when it has been back for a while.
func TestFirstAgain(t *testing.T) {
	f := newFleet(t)
	second, _ := f.answers(text("second"))
	first, _ := f.answers(text("first"))
	members := f.edge(first, second)
	members.use(0, 1)
	members.goBack(t.Context())
	if _, number := members.Using(); number != 2 {
		t.Error("it goes back at once")
	}
	members.since = time.Now().Add(-backAfter)
	members.goBack(t.Context())
	if _, number := members.Using(); number != 1 {
		t.Error("it does not go back")
	}
}

// TestProblemsOfMembers: what a member cannot do is said in its words, and is nothing that a person could
// put right here.
func TestProblemsOfMembers(t *testing.T) {
	one := &member{URI: memberuri.URI{Host: "a", Port: "1"}}
	told := &agent.Problem{Code: agent.CodePINNeeded, Message: "a PIN is needed", Hints: []string{"anaplan-agent unlock"}, Human: true, Attend: true, Final: true, PIN: &agent.PINPrompt{}}
	got := one.translate(told)
	if got.Code != agent.CodeDeviceFailed || got.Final || got.Attend || got.PIN != nil || !got.Human || got.Wait != downWait ||
		got.Message != "the member a:1 cannot log in: a PIN is needed" || got.Hints[0] != "at a:1: anaplan-agent unlock" {
		t.Errorf("got %+v", got)
	}
	if got := one.translate(&agent.Problem{Code: agent.CodeRateLimited, Wait: time.Hour}); got.Code != agent.CodeRateLimited || got.Wait != time.Hour {
		t.Errorf("got %+v", got)
	}
}

// TestRecovery: however long all members were down, a Keeper has a token two seconds after the first is
// back, at the latest.
func TestRecovery(t *testing.T) {
	for _, outage := range []time.Duration{time.Second, time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			members := &Members{down: make(chan struct{}, 1)}
			back := time.Now().Add(outage)
			fake := &outageExchange{back: back, down: members.unreachable}
			keeper := agent.NewKeeper(agent.KeeperConfig{Sign: members.Sign, Exchange: fake, Eager: true})
			ctx, end := context.WithCancel(t.Context())
			defer end()
			go keeper.Run(ctx)
			time.Sleep(outage)
			time.Sleep(time.Second) // what await takes at most, which then calls Reconsider
			keeper.Reconsider()
			time.Sleep(time.Second)
			synctest.Wait()
			if status := keeper.Status(); status.State != agent.StateHealthy {
				t.Errorf("after %v: %+v", outage, status)
			}
			end()
			synctest.Wait()
		})
	}
}

// outageExchange is members that are down until a time.
type outageExchange struct {
	back time.Time
	down func([]error) *agent.Problem
}

func (o *outageExchange) Authenticate(context.Context, *agent.Login) (agent.Token, error) {
	if time.Now().Before(o.back) {
		return agent.Token{}, o.down([]error{errors.New("refused")})
	}
	return agent.Token{Value: agent.NewSecret("token"), ExpiresAt: time.Now().Add(35 * time.Minute)}, nil
}

func (o *outageExchange) Refresh(ctx context.Context, _ agent.Token) (agent.Token, error) {
	return o.Authenticate(ctx, nil)
}

func (o *outageExchange) Logout(context.Context, agent.Token) error { return nil }

// countingExchange is Anaplan for a member.
type countingExchange struct {
	outageExchange
	logins atomic.Int32
}

func (c *countingExchange) Authenticate(ctx context.Context, _ *agent.Login) (agent.Token, error) {
	c.logins.Add(1)
	time.Sleep(50 * time.Millisecond) // so that all come while it is under way
	return c.outageExchange.Authenticate(ctx, nil)
}

// TestManyEdges: 64 edges that come at once after an outage cost a member one login.
func TestManyEdges(t *testing.T) {
	f := newFleet(t)
	allowed, err := policy.Parse([]string{"list"})
	if err != nil {
		t.Fatal(err)
	}
	upstream := &countingExchange{}
	keeper := agent.NewKeeper(agent.KeeperConfig{Sign: (&Members{}).Sign, Exchange: upstream})
	member := server.New(server.Config{
		Identity: f.machine("127.0.0.1"),
		Profiles: func() map[string]*server.Profile { return map[string]*server.Profile{"default": {Keeper: keeper}} },
		Clients: func() map[string]*server.Client {
			return map[string]*server.Client{"edge": {Profile: "default", Certificates: []string{"edge.corp"}, Policy: allowed}}
		},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { keeper.Run(ctx) })
	running.Go(func() { member.ServeTLS(ctx, listener) })
	defer running.Wait()
	defer end()
	var edges sync.WaitGroup
	for range 64 {
		members := f.edge(addressOf(t, listener))
		edges.Go(func() {
			defer members.all[0].http.CloseIdleConnections()
			token, err := members.Authenticate(ctx, nil)
			for deadline := time.Now().Add(2 * time.Minute); isUnreached(err) && time.Now().Before(deadline); {
				token, err = members.Authenticate(ctx, nil) // 64 handshakes at once can take long
			}
			if err != nil || !token.Live(time.Now()) {
				t.Errorf("%v, %v", token, err)
				return
			}
			if _, err := members.Refresh(ctx, token); err != nil {
				t.Error(err)
			}
			if err := members.Logout(ctx, token); err != nil {
				t.Error(err)
			}
			if _, err := members.Refresh(ctx, token); !errors.Is(err, anaplan.ErrTokenRefused) {
				t.Errorf("after its end: %v", err)
			}
		})
	}
	edges.Wait()
	if logins := upstream.logins.Load(); logins != 1 {
		t.Errorf("%d logins", logins)
	}
}

// isUnreached reports whether no member was reached in time, which is tried again.
func isUnreached(err error) bool {
	problem, ok := errors.AsType[*agent.Problem](err)
	return ok && problem.Code == agent.CodeDeviceAbsent
}
