package server_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/google/go-cmp/cmp"
)

// callerKind is a column of the table in docs/security.md.
type callerKind struct {
	column         string
	admin, allowed bool
	policy         bool // of the profile
	network        bool
}

var callerKinds = []callerKind{
	{column: "root and the agent's user", admin: true},
	{column: "root and the agent's user", admin: true, policy: true},
	{column: "allowed user", allowed: true},
	{column: "allowed user, profile with a policy", allowed: true, policy: true},
	{column: "client over TCP", network: true, allowed: true},
	{column: "client over TCP", network: true, admin: true, policy: true},
	{column: "anybody else"},
	{column: "anybody else", policy: true},
}

// requestsOf are the requests of the table's rows. They are made in this order.
var requestsOf = []struct{ row, request, body string }{
	{"token", "GET /v1/token", ""},
	{"forwarded call", "GET /2/0/models/M", ""},
	{"status", "GET /v1/status", ""},
	{"login", "POST /v1/login", ""},
	{"logout", "POST /v1/logout", ""},
	{"lock", "POST /v1/lock", ""},
	{"unlock", "POST /v1/unlock", ""},
	{"PIN", "POST /v1/unlock", "123456"},
	{"last try", "POST /v1/unlock?last_try=yes", ""},
	{"PIN changed", "POST /v1/unlock?pin_changed=yes", ""},
	{"reload", "POST /v1/reload", ""},
	{"stop", "POST /v1/stop", ""},
	{"CA", "GET /v1/ca", ""},
	{"CA renewal", "POST /v1/ca/new", ""},
	{"metrics", "GET /metrics", ""},
	{"readyz", "GET /readyz", ""},
}

// documentedRights reads the table: by row and column whether it says yes.
func documentedRights(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	rights := map[string]map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		switch row := strings.TrimPrefix(cells[0], "| "); {
		case strings.HasPrefix(line, "| | root"):
			columns = strings.Split(strings.Trim(strings.TrimPrefix(line, "| | "), "| \n"), " | ")
		case len(columns) > 0 && len(cells) == len(columns)+1:
			rights[row] = map[string]bool{}
			for i, column := range columns {
				rights[row][column] = strings.HasPrefix(cells[i+1], "yes")
			}
		}
	}
	return rights
}

// touched is what has been done to a profile's PIN, and how often the profile has signed.
type touched struct {
	PINs    []string // "": forgotten
	Options []local.UnlockOptions
	Signs   int64
	Locked  bool
}

// rightsRig is a server as a kind of caller finds it.
type rightsRig struct {
	*forwardRig
	upstream *upstream

	mu   sync.Mutex
	done touched
}

func newRightsRig(t *testing.T, kind callerKind, u *upstream) *rightsRig {
	r := &rightsRig{upstream: u}
	r.forwardRig = forwards(t, func(config *server.Config, f *forwardRig) {
		f.profile = f.host.proxied(t, profile(t, u), nil)
		f.profile.Allow = func(local.Peer) bool { return kind.allowed }
		f.profile.SetPIN = func(pin []byte) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.done.PINs = append(r.done.PINs, string(pin))
		}
		f.profile.SetUnlockOptions = func(options local.UnlockOptions) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.done.Options = append(r.done.Options, options)
		}
		if kind.policy {
			f.profile.Policy = rules(t, "GET /2/0/models/*")
		}
		config.Profiles = profiles(map[string]*server.Profile{"default": f.profile})
		config.Admin = func(local.Peer) bool { return kind.admin }
		config.Reload = func(context.Context) ([]string, error) { return nil, nil }
		config.Stop = func() {}
		config.Authority = authority.New(t.TempDir(), []string{"api.anaplan.com"})
		config.Metrics = upMetrics
	})
	return r
}

// touched returns what has been done so far.
func (r *rightsRig) touched() touched {
	r.mu.Lock()
	defer r.mu.Unlock()
	done := r.done
	done.PINs, done.Options = slices.Clone(done.PINs), slices.Clone(done.Options)
	done.Signs, done.Locked = r.upstream.signs.Load(), r.profile.Keeper.Status().State == agent.StateLocked
	return done
}

// as makes a request as the kind of caller does.
func (r *rightsRig) as(t *testing.T, kind callerKind, request, body string) answer {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	if kind.network {
		return r.tcp(t, method, target, body, nightly)
	}
	return r.ask(t, method, target, body)
}

// TestRights: each kind of caller may do what docs/security.md says, and what it may not do is
// denied, written down, and has not happened.
func TestRights(t *testing.T) {
	documented := documentedRights(t)
	var rows []string
	for _, test := range requestsOf {
		rows = append(rows, test.row)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(rows)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Fatalf("-rows here +rows in docs/security.md\n%s", diff)
	}
	for _, kind := range callerKinds {
		t.Run(fmt.Sprint(kind.column, " policy ", kind.policy), func(t *testing.T) {
			r := newRightsRig(t, kind, &upstream{})
			for _, test := range requestsOf {
				may, known := documented[test.row][kind.column]
				if !known {
					t.Fatalf("docs/security.md has no column %q", kind.column)
				}
				before, denials := r.touched(), len(r.records.of(server.ActionDenied))
				got := r.as(t, kind, test.request, test.body)
				denials = len(r.records.of(server.ActionDenied)) - denials
				switch {
				case may && (got.status != 200 || denials != 0):
					t.Errorf("%s: %d %s, %d denials", test.row, got.status, got.body, denials)
				case !may && kind.network && (got.status != 404 || denials != 0):
					t.Errorf("%s over TCP: %d %s, %d denials", test.row, got.status, got.body, denials)
				case !may && !kind.network && (got.status != 403 || denials != 1):
					t.Errorf("%s: %d %s, %d denials", test.row, got.status, got.body, denials)
				}
				if diff := cmp.Diff(before, r.touched()); !may && diff != "" {
					t.Errorf("%s was denied, and has had an effect: -before +after\n%s", test.row, diff)
				}
			}
		})
	}
}

// TestPhantomHasNoRights: a phantom token is for calls. It opens none of the agent's own paths over
// TCP, and on the socket counts for nothing beside the user.
func TestPhantomHasNoRights(t *testing.T) {
	for _, network := range []bool{true, false} {
		kind := callerKind{network: network}
		r := newRightsRig(t, kind, &upstream{})
		token := bearer(r.login(t))
		before := r.touched()
		for _, test := range requestsOf {
			method, target, _ := strings.Cut(test.request, " ")
			if !strings.HasPrefix(target, "/v1/") || target == "/v1/status" {
				continue
			}
			if network {
				if got := r.tcp(t, method, target, test.body, token); got.status != 404 {
					t.Errorf("%s over TCP: %d %s", test.row, got.status, got.body)
				}
			} else if got := r.ask(t, method, target, test.body, token); got.status != 403 || got.code() != agent.CodeNotAllowed {
				t.Errorf("%s: %d %s", test.row, got.status, got.body)
			}
		}
		if diff := cmp.Diff(before, r.touched()); diff != "" {
			t.Errorf("-before +after\n%s", diff)
		}
	}
}

// TestDenialsNameTheRemedy: a denied caller reads who may, and what to ask for.
func TestDenialsNameTheRemedy(t *testing.T) {
	who := server.Administrators("and", server.OwnUser())
	ask := "ask " + server.Administrators("or", server.OwnUser()) + " to call: "
	for _, test := range []struct {
		request       string
		policy        bool
		message, hint string
	}{
		{"POST /v1/lock", false, `may not lock the profile "default": only ` + who + " may", ask + "anaplan-agent lock"},
		{"POST /v1/unlock", false, `may not unlock the profile "default": only ` + who + " may", ask + "anaplan-agent unlock"},
		{"POST /v1/unlock?pin_changed=yes", false, `may not unlock the profile "default": only ` + who + " may", ask + "anaplan-agent unlock"},
		{"POST /v1/login", true, `may not log in with the profile "default", which has a policy: only ` + who + " may", "send the calls through the agent"},
		{"POST /v1/logout", true, `may not log out of the profile "default", which has a policy: only ` + who + " may", ask + "anaplan-agent logout"},
		{"POST /v1/reload", false, "may not use reload: only " + who + " may", ask + "anaplan-agent reload"},
		{"POST /v1/stop", false, "may not use stop: only " + who + " may", ask + "anaplan-agent stop"},
		{"GET /v1/token?reveal=no&refused=1", true, `the profile has a policy`, "the agent's configuration says who may"},
	} {
		kind := callerKind{allowed: true, policy: test.policy}
		got := newRightsRig(t, kind, &upstream{}).as(t, kind, test.request, "")
		problem := problemIn(t, got.body)
		hints := strings.Join(problem.Hints, "\n")
		if got.status != 403 || problem.Code != agent.CodeNotAllowed || !strings.Contains(problem.Message, test.message) || !strings.Contains(hints, test.hint) {
			t.Errorf("%s: %d %s\nwant %s\n%s", test.request, got.status, got.body, test.message, test.hint)
		}
	}
}

func TestAdministrators(t *testing.T) {
	for user, want := range map[string]string{
		server.RootName: server.RootName,
		"anaplan-agent": server.RootName + " and the agent's user (anaplan-agent)",
	} {
		if got := server.Administrators("and", user); got != want {
			t.Errorf("%s: %q, want %q", user, got, want)
		}
	}
}

// problemIn returns the problem in an answer, in whichever shape it comes.
func problemIn(t *testing.T, body string) *agent.Problem {
	t.Helper()
	problem := local.ProblemIn(http.Header{local.HeaderProblem: {"some"}}, []byte(body))
	if problem.Code == "some" {
		t.Fatalf("there is no problem in %s", body)
	}
	return problem
}

// A profile whose device wants a PIN, or has refused one, as signers word it.
var (
	wantsPIN = &agent.Problem{
		Code: agent.CodePINNeeded, Message: "token wants its PIN", Human: true, Attend: true, Hints: []string{"anaplan-agent unlock asks for the PIN"},
		PIN: &agent.PINPrompt{Question: "PIN for token", LastTry: "blocks it"},
	}
	pinRefused = &agent.Problem{
		Code: agent.CodePINRefused, Message: "token refused the PIN", Human: true, Final: true, Hints: []string{"to type it: anaplan-agent unlock"},
	}
)

// TestOthersAreAskedForNoPIN: only a caller who may give a PIN is asked for one.
func TestOthersAreAskedForNoPIN(t *testing.T) {
	for _, test := range []struct {
		kind     callerKind
		requests []string
	}{
		{callerKind{admin: true}, []string{"GET /v1/token", "POST /v1/login", "POST /token/authenticate", "GET /2/0/models/M"}},
		{callerKind{allowed: true}, []string{"GET /v1/token", "POST /v1/login", "POST /token/authenticate", "GET /2/0/models/M"}},
		{callerKind{allowed: true, policy: true}, []string{"GET /v1/token?reveal=no", "POST /token/authenticate", "GET /2/0/models/M"}},
		{callerKind{network: true}, []string{"POST /token/authenticate", "GET /2/0/models/M"}},
	} {
		u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { return wantsPIN }}
		r := newRightsRig(t, test.kind, u)
		want := wantsPIN
		if !test.kind.admin {
			want = &agent.Problem{
				Code: wantsPIN.Code, Message: wantsPIN.Message, Human: true, Attend: true,
				Hints: []string{server.Administrators("or", server.OwnUser()) + " must give it: anaplan-agent unlock"},
			}
		}
		for _, request := range test.requests {
			got := problemIn(t, r.as(t, test.kind, request, "").body)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v %s: -want +got\n%s", test.kind, request, diff)
			}
		}
		if test.kind.network {
			continue
		}
		status, err := r.rig.client(t).Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, status.Profiles[0].Problem); diff != "" {
			t.Errorf("%+v status: -want +got\n%s", test.kind, diff)
		}
	}
}

// TestOthersDoNotOverruleAFinalProblem: it costs one signature, however often another user asks,
// and is put right by root or the agent's user only.
func TestOthersDoNotOverruleAFinalProblem(t *testing.T) {
	u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { return pinRefused }}
	kind := callerKind{allowed: true}
	r := newRightsRig(t, kind, u)
	hint := server.Administrators("or", server.OwnUser()) + " must do that"
	for range 3 {
		for _, request := range []string{"GET /v1/token", "POST /v1/login", "GET /v1/token?refused=1", "GET /2/0/models/M"} {
			problem := problemIn(t, r.as(t, kind, request, "").body)
			if problem.Code != agent.CodePINRefused || !slices.Contains(problem.Hints, hint) {
				t.Errorf("%s: %s, hints %q, want also %q", request, problem.Code, problem.Hints, hint)
			}
		}
		for _, request := range []string{"POST /v1/unlock", "POST /v1/unlock?pin_changed=yes", "POST /v1/lock"} {
			if got := r.as(t, kind, request, ""); got.code() != agent.CodeNotAllowed {
				t.Errorf("%s: %d %s", request, got.status, got.body)
			}
		}
		if got := r.as(t, kind, "POST /v1/logout", ""); got.status != 200 {
			t.Errorf("logout: %d %s", got.status, got.body)
		}
	}
	if want := (touched{Signs: 1}); !cmp.Equal(r.touched(), want) {
		t.Errorf("got %+v, want %+v", r.touched(), want)
	}
}

// TestOthersReadWhoUnlocks: a locked profile is root's or the agent's user's to unlock.
func TestOthersReadWhoUnlocks(t *testing.T) {
	kind := callerKind{allowed: true}
	r := newRightsRig(t, kind, &upstream{})
	r.profile.Keeper.Lock()
	want := []string{server.Administrators("or", server.OwnUser()) + " must unlock it: anaplan-agent unlock"}
	for _, request := range []string{"GET /v1/token", "POST /v1/login", "GET /2/0/models/M"} {
		problem := problemIn(t, r.as(t, kind, request, "").body)
		if problem.Code != agent.CodeLocked || !cmp.Equal(problem.Hints, want) {
			t.Errorf("%s: %s, hints %q", request, problem.Code, problem.Hints)
		}
	}
}
