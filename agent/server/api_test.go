package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fields returns the members of a JSON object.
func fields(t *testing.T, body string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return all
}

func keys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

// An answer with a token is written in one piece of memory, which is cleared: there is no copy
// elsewhere, where it would stay.
func TestTokensAreNotCopied(t *testing.T) {
	lease := agent.Lease{Generation: 7, Token: agent.Token{Value: agent.NewSecret("eyJhbGciOi.x_y-z+/="), ID: "id", ExpiresAt: time.Now()}}
	answer := make([]byte, 0, 512)
	if got := testing.AllocsPerRun(100, func() { server.AppendLease(answer, "default", lease, true, time.Now()) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestToken(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{})})
	for _, target := range []string{"/v1/token", "/v1/token?profile=default", "/v1/token?profile=%64efault"} {
		got := r.ask(t, "GET", target, "")
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", target, got.status, got.body)
		}
		for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Content-Length": fmt.Sprint(len(got.body))} {
			if got := got.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
		body := fields(t, got.body)
		expiry, err := time.Parse(time.RFC3339, body["expires_at"].(string))
		if left := time.Until(expiry); err != nil || left < 34*time.Minute || left > 35*time.Minute {
			t.Errorf("%s: expires at %v", target, body["expires_at"])
		}
		if left := body["expires_in"].(float64); left < 34*60 || left > 35*60 || left != float64(int(left)) {
			t.Errorf("%s: expires in %v", target, left)
		}
		delete(body, "expires_at")
		delete(body, "expires_in")
		want := map[string]any{"profile": "default", "token": "secret-token-1", "generation": 1.0, "token_id": "id-1"}
		if diff := cmp.Diff(want, body); diff != "" {
			t.Errorf("%s: -want +got\n%s", target, diff)
		}
	}
	if got := r.ask(t, "GET", "http://other/v1/token", ""); got.code() != agent.CodeBadRequest {
		t.Errorf("the token of an agent of another name: %d %s", got.status, got.body)
	}
}

func TestTokenNeedsEscapes(t *testing.T) {
	value := "a\"b\\c\u00e9\n<"
	name := "prod \"eu\""
	r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{name: profile(t, &upstream{value: value})})})
	body := fields(t, r.ask(t, "GET", "/v1/token?profile=prod+%22eu%22", "").body)
	if body["token"] != value+"1" || body["profile"] != name {
		t.Errorf("got %q of %q", body["token"], body["profile"])
	}
}

func TestLongTokensAreCounted(t *testing.T) {
	for _, length := range []int{1, 1800, 1900, 1930, 1940, 1950, 2000, 2048, 5000, 100_000} {
		r := serve(t, server.Config{Profiles: one(t, &upstream{value: strings.Repeat("t", length)})})
		got := r.ask(t, "GET", "/v1/token", "")
		if got.header.Get("Content-Length") != fmt.Sprint(len(got.body)) || len(fields(t, got.body)["token"].(string)) != length+1 {
			t.Errorf("a token of %d bytes: %d bytes with %v", length, len(got.body), got.header)
		}
	}
}

func TestReplaceIsOneLogin(t *testing.T) {
	u := &upstream{}
	r := serve(t, server.Config{Profiles: one(t, u)})
	client := r.client(t)
	first, err := client.Token(t.Context(), "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			token, err := client.Replace(t.Context(), "default", first.Generation, nil)
			if err != nil || token.Generation != 2 || token.Value.Reveal() != "secret-token-2" {
				t.Errorf("generation %d, %v", token.Generation, err)
			}
		})
	}
	callers.Wait()
	if n := u.signs.Load(); n != 2 {
		t.Errorf("%d signatures, want 2", n)
	}
}

func TestActsShowNoToken(t *testing.T) {
	p := profile(t, &upstream{})
	var pins []string
	p.SetPIN = func(pin []byte) { pins = append(pins, string(pin)) }
	r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p})})
	tests := []struct{ path, body, want string }{
		{"/v1/login", "", "expires_at expires_in generation profile token_id"},
		{"/v1/logout", "", "profile"},
		{"/v1/lock", "", "profile"},
		{"/v1/unlock", "", "expires_at expires_in generation profile token_id"},
		{"/v1/unlock", "123456", "expires_at expires_in generation profile token_id"},
	}
	for _, test := range tests {
		got := r.ask(t, "POST", test.path, test.body)
		if got.status != http.StatusOK || strings.Contains(got.body, "secret") {
			t.Errorf("%s: %d %s", test.path, got.status, got.body)
		}
		if names := strings.Join(keys(fields(t, got.body)), " "); names != test.want {
			t.Errorf("%s has %s, want %s", test.path, names, test.want)
		}
	}
	if want := []string{"", "123456"}; !cmp.Equal(pins, want) {
		t.Errorf("PINs %q, want %q", pins, want)
	}
}

func TestUnlock(t *testing.T) {
	refused := agent.Problemf(agent.CodePINRefused, "wrong PIN")
	tests := []struct {
		name, pin string
		problem   *agent.Problem
		want      agent.Code
		pins      []string // as set; "" is forgotten
	}{
		{"right", "123456", nil, "", []string{"123456"}},
		{"raw bytes", "\xff\x01 +%41", nil, "", []string{"\xff\x01 +%41"}},
		{"refused", "000000", refused, agent.CodePINRefused, []string{"000000"}},
		{"device gone", "123456", agent.Problemf(agent.CodeDeviceAbsent, "no card"), agent.CodeDeviceAbsent, []string{"123456"}},
		{"with a line end", "123456\n", nil, agent.CodeBadRequest, nil},
		{"longest", strings.Repeat("1", 1024), nil, "", []string{strings.Repeat("1", 1024)}},
		{"too long", strings.Repeat("1", 1025), nil, agent.CodeTooLarge, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error {
				if test.problem != nil {
					return test.problem
				}
				return nil
			}}
			p := profile(t, u)
			var pins [][]byte
			p.SetPIN = func(pin []byte) { pins = append(pins, pin) }
			r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p})})
			got := r.ask(t, "POST", "/v1/unlock", test.pin)
			if got.code() != test.want {
				t.Errorf("code %q, want %q: %s", got.code(), test.want, got.body)
			}
			var texts []string
			for _, pin := range pins {
				texts = append(texts, string(pin)) // nobody has cleared it by now
			}
			if !cmp.Equal(texts, test.pins) {
				t.Errorf("PINs %q, want %q", texts, test.pins)
			}
		})
	}
}

// TestUnlockInVain: what was locked is so until a login has succeeded.
func TestUnlockInVain(t *testing.T) {
	for _, code := range []agent.Code{agent.CodePINRefused, agent.CodePINNeeded, agent.CodeUnreachable, agent.CodeDeviceAbsent} {
		p := profile(t, &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { return agent.Problemf(code, "no") }})
		p.SetPIN = func([]byte) {}
		r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p})})
		r.ask(t, "POST", "/v1/lock", "")
		if got := r.ask(t, "POST", "/v1/unlock", "123456"); got.code() != code {
			t.Errorf("%s: got %s", code, got.body)
		}
		if got := p.Keeper.Status().State; got != agent.StateLocked {
			t.Errorf("%s: the profile is %s", code, got)
		}
	}
}

// TestReplacedWhileAsked: a reload that changes a profile does not send callers away.
func TestReplacedWhileAsked(t *testing.T) {
	next := profile(t, &upstream{})
	now := new(atomic.Pointer[map[string]*server.Profile])
	var stop context.CancelFunc
	first := &server.Profile{Keeper: agent.NewKeeper(agent.KeeperConfig{
		Sign: func(ctx context.Context, _ bool, _ agent.NotifyFunc) (*agent.Login, error) {
			now.Store(&map[string]*server.Profile{"default": next})
			stop()
			<-ctx.Done()
			return nil, context.Cause(ctx)
		},
		Exchange: &upstream{},
	})}
	ctx, cancel := context.WithCancel(t.Context())
	stop = cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		first.Keeper.Run(ctx)
	}()
	now.Store(&map[string]*server.Profile{"default": first})
	r := serve(t, server.Config{Profiles: func() map[string]*server.Profile { return *now.Load() }})
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.body)
	}
	<-ended
}

// TestHeed: what a person says with an unlock is heard before anything is tried.
func TestHeed(t *testing.T) {
	var heard []local.UnlockOptions
	u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error {
		if len(heard) == 0 {
			t.Error("signed before the word was heard")
		}
		return nil
	}}
	p := profile(t, u)
	p.SetPIN = func([]byte) {}
	p.SetUnlockOptions = func(options local.UnlockOptions) { heard = append(heard, options) }
	r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p})})
	client := r.client(t)
	said := local.UnlockOptions{LastTry: true, PINChanged: true}
	token, err := client.UnlockWith(t.Context(), "default", []byte("123456"), said, nil)
	if err != nil || token.Generation != 1 || !token.Value.IsZero() {
		t.Errorf("got %+v, %v", token, err)
	}
	if want := []local.UnlockOptions{said}; !cmp.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	for _, query := range []string{"last_try=1", "pin_changed=", "last_try=yes&last_try=yes"} {
		if got := r.ask(t, "POST", "/v1/unlock?"+query, ""); got.code() != agent.CodeBadRequest {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestUnlockWithoutUse(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{})})
	got := r.ask(t, "POST", "/v1/unlock", "123456")
	if got.code() != agent.CodeBadRequest || strings.Contains(got.body, "123456") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestLockAndUnlock(t *testing.T) {
	u := &upstream{}
	r := serve(t, server.Config{Profiles: one(t, u)})
	client := r.client(t)
	if err := client.Lock(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(t, "GET", "/v1/token", ""); got.status != http.StatusLocked || got.code() != agent.CodeLocked {
		t.Errorf("a locked profile: %d %s", got.status, got.body)
	}
	if err := client.Unlock(t.Context(), "default", nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Token(t.Context(), "default", nil); err != nil || u.signs.Load() != 1 {
		t.Errorf("after unlock: %v, %d signatures", err, u.signs.Load())
	}
}

// A mistake of the program costs one request, and what the log says of it shows nothing that could
// be a secret.
func TestMistakes(t *testing.T) {
	for words, mistake := range map[string]func(){
		"nil pointer dereference":            func() { var nothing *agent.Problem; nothing.Code = "" },
		"a panic with a *errors.errorString": func() { panic(errors.New("secret")) },
	} {
		p := profile(t, &upstream{})
		p.Details = func() local.Details { mistake(); return local.Details{} }
		r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p})})
		if got := r.ask(t, "GET", "/v1/status", ""); got.status != 500 || got.code() != agent.CodeInternal || !strings.Contains(got.body, "its log has more") {
			t.Errorf("%s: %d %s", words, got.status, got.body)
		}
		if log := r.log.String(); !strings.Contains(log, words) || !strings.Contains(log, "route=/v1/status") || !strings.Contains(log, "TestMistakes") {
			t.Errorf("%s: logged %s", words, log)
		}
		if got := r.ask(t, "GET", "/v1/token", ""); got.status != 200 {
			t.Errorf("%s, and then: %d %s", words, got.status, got.body)
		}
	}
}

func TestStatus(t *testing.T) {
	wrong := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error {
		return &agent.Problem{Code: agent.CodePINNeeded, Message: "PIN, please", PIN: &agent.PINPrompt{Question: "PIN"}}
	}}
	detailed := profile(t, &upstream{})
	detailed.Details = func() local.Details {
		return local.Details{Keys: 2, Key: 1, Warning: "it ends in 7 days", WarningDays: 7}
	}
	r := serve(t, server.Config{Version: "v1", Profiles: profiles(map[string]*server.Profile{
		"b": profile(t, &upstream{}), "a": profile(t, wrong), "c": detailed,
	})})
	client := r.client(t)
	client.Token(t.Context(), "b", nil)
	client.Token(t.Context(), "a", nil)
	got, err := client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := local.Status{Version: "v1", PID: os.Getpid(), Profiles: []local.ProfileStatus{
		{Name: "a", Status: agent.Status{
			State: agent.StateDown, Problem: &agent.Problem{Code: agent.CodePINNeeded, Message: "PIN, please", PIN: &agent.PINPrompt{Question: "PIN"}},
		}},
		{Name: "b", Status: agent.Status{State: agent.StateHealthy, Generation: 1}},
		{Name: "c", Status: agent.Status{State: agent.StateIdle}, Details: local.Details{Keys: 2, Key: 1, Warning: "it ends in 7 days", WarningDays: 7}},
	}}
	times := cmpopts.IgnoreTypes(time.Time{})
	if diff := cmp.Diff(want, got, times); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if time.Since(got.StartedAt) > time.Hour || time.Until(got.Profiles[1].ExpiresAt) < time.Minute || got.Profiles[1].UsedAt.IsZero() || !got.Profiles[2].UsedAt.IsZero() {
		t.Errorf("the times are wrong: %+v", got)
	}
	body := r.ask(t, "GET", "/v1/status", "").body
	for range 10 {
		if again := r.ask(t, "GET", "/v1/status", "").body; again != body {
			t.Errorf("nothing has changed, and the status has:\n%s%s", body, again)
		}
	}
	if strings.Contains(body, "0001-01-01") {
		t.Errorf("unknown times are shown: %s", body)
	}
	if strings.Count(body, `"keys":2,"key":1,"warning":"it ends in 7 days","warning_days":7`) != 1 || strings.Count(body, "key") != 2 {
		t.Errorf("the details are not shown where they belong: %s", body)
	}
}

func TestRefusals(t *testing.T) {
	r := serve(t, server.Config{Profiles: one(t, &upstream{})})
	tests := []struct {
		method, target, body, more string
		status                     int
		code                       agent.Code
	}{
		{"GET", "/", "", "", 404, agent.CodeBadRequest},
		{"GET", "/v1/token/", "", "", 404, agent.CodeBadRequest},
		{"GET", "/v2/token", "", "", 404, agent.CodeBadRequest},
		{"OPTIONS", "*", "", "", 404, agent.CodeBadRequest},
		{"POST", "/v1/token", "", "", 405, agent.CodeBadRequest},
		{"GET", "/v1/login", "", "", 405, agent.CodeBadRequest},
		{"GET", "/v1/token?profil=x", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token?profile=default&profile=default", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token?profile=", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token?profile=%zz", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token?refused=0", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token?refused=-1", "", "", 400, agent.CodeBadRequest},
		{"POST", "/v1/login?refused=1", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/status?profile=default", "", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token?profile=other", "", "", 404, agent.CodeUnknownProfile},
		{"GET", "/v1/token", "body", "", 400, agent.CodeBadRequest},
		{"POST", "/v1/login", "body", "", 400, agent.CodeBadRequest},
		{"GET", "/v1/token", "", "Origin: null", 403, agent.CodeNotAllowed},
		{"POST", "/v1/login", "", "Origin: http://127.0.0.1", 403, agent.CodeNotAllowed},
	}
	for _, test := range tests {
		var more []string
		if test.more != "" {
			more = append(more, test.more)
		}
		got := r.ask(t, test.method, test.target, test.body, more...)
		if got.status != test.status || got.code() != test.code || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s %s: %d %s, want %d %s", test.method, test.target, test.more, got.status, got.body, test.status, test.code)
		}
		if allow := got.header.Get("Allow"); (allow != "") != (test.status == 405) {
			t.Errorf("%s %s: Allow is %q", test.method, test.target, allow)
		}
	}
}

func TestReload(t *testing.T) {
	bad := agent.Problemf(agent.CodeSettings, "line 3 is wrong")
	for _, test := range []struct {
		reload func(context.Context) ([]string, error)
		status int
		code   agent.Code
		body   string
	}{
		{func(context.Context) ([]string, error) { return nil, nil }, 200, "", "{}\n"},
		{func(context.Context) ([]string, error) { return []string{"start it again"}, nil }, 200, "", `{"warnings":["start it again"]}` + "\n"},
		{func(context.Context) ([]string, error) { return nil, bad }, 500, agent.CodeSettings, ""},
		{nil, 400, agent.CodeBadRequest, ""},
	} {
		r := serve(t, server.Config{Reload: test.reload})
		if got := r.ask(t, "POST", "/v1/reload", ""); got.status != test.status || got.code() != test.code || test.body != "" && got.body != test.body {
			t.Errorf("%d %s, want %d %s %s", got.status, got.body, test.status, test.code, test.body)
		}
	}
}

// upMetrics are the metrics of a server that has one.
func upMetrics(out io.Writer, _ []string) string {
	io.WriteString(out, "up 1\n")
	return "text/plain"
}

func TestWatched(t *testing.T) {
	var ready error
	r := serve(t, server.Config{
		Ready:   func() error { return ready },
		Metrics: upMetrics,
	})
	check := func(target string, status int, body string) {
		t.Helper()
		if got := r.ask(t, "GET", target, ""); got.status != status || !strings.Contains(got.body, body) {
			t.Errorf("%s: %d %s, want %d %s", target, got.status, got.body, status, body)
		}
	}
	check("/healthz", 200, "ok\n")
	check("/readyz", 200, "ok\n")
	check("/metrics", 200, "up 1\n")
	ready = agent.Problemf(agent.CodePINNeeded, "no PIN yet")
	check("/healthz", 200, "ok\n")
	check("/readyz", 503, "no PIN yet")
}

func TestObserve(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Observe: func(route string, status int, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprint(route, " ", status, " ", took > 0))
	}})
	r.ask(t, "GET", "/v1/token?profile=default", "")
	r.ask(t, "GET", "/v1/token?profile=other", "")
	r.ask(t, "GET", "/made/up", "")
	eventually(t, "three requests are observed", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == 3 })
	if want := []string{"/v1/token 200 true", "/v1/token 404 true", "other 404 true"}; !cmp.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
}

// audit is a Record that keeps what it gets, or fails.
type audit struct {
	mu      sync.Mutex
	records []server.Record
	err     error
}

func (a *audit) record(record server.Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, record)
	return a.err
}

// lines returns the records so far, and forgets them.
func (a *audit) lines() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var lines []string
	for _, r := range a.records {
		lines = append(lines, fmt.Sprintf("%s %q %q %d", r.Action, r.Profile, r.Code, r.Generation))
	}
	a.records = nil
	return lines
}

func TestAudit(t *testing.T) {
	var a audit
	r := serve(t, server.Config{
		Profiles: profiles(map[string]*server.Profile{"p": profile(t, &upstream{})}), Record: a.record,
		Reload: func(context.Context) ([]string, error) { return nil, agent.Problemf(agent.CodeSettings, "wrong") },
	})
	for _, test := range []struct{ method, target, want string }{
		{"GET", "/v1/token?profile=p", `token "p" "" 1`},
		{"POST", "/v1/login?profile=p", `login "p" "" 2`},
		{"POST", "/v1/lock?profile=p", `lock "p" "" 0`},
		{"POST", "/v1/login?profile=p", `login "p" "locked" 0`},
		{"POST", "/v1/unlock?profile=p", `unlock "p" "" 3`},
		{"POST", "/v1/logout?profile=p", `logout "p" "" 0`},
		{"POST", "/v1/reload", `reload "" "settings" 0`},
		{"GET", "/v1/status", ""},
		{"GET", "/healthz", ""},
	} {
		r.ask(t, test.method, test.target, "")
		if got := strings.Join(a.lines(), "\n"); got != test.want {
			t.Errorf("%s: got %s, want %s", test.target, got, test.want)
		}
	}
}

func TestAuditFails(t *testing.T) {
	a := audit{err: errors.New("no space left on device")}
	r := serve(t, server.Config{Profiles: one(t, &upstream{}), Record: a.record, Reload: func(context.Context) ([]string, error) { return nil, nil }})
	for _, request := range []string{"GET /v1/token", "POST /v1/login", "POST /v1/lock", "POST /v1/unlock", "POST /v1/logout", "POST /v1/reload"} {
		method, target, _ := strings.Cut(request, " ")
		got := r.ask(t, method, target, "")
		if got.status != http.StatusInsufficientStorage || got.code() != agent.CodeAuditFailed || strings.Contains(got.body, "secret") {
			t.Errorf("%s: %d %s", request, got.status, got.body)
		}
	}
	if !strings.Contains(r.log.String(), "no space left on device") {
		t.Errorf("the log has no cause:\n%s", r.log)
	}
}

// TestStop: the agent is asked to end once the answer is there, also where it cannot be written down.
func TestStop(t *testing.T) {
	for _, test := range []struct {
		unwritten    error
		canStop      bool
		status, ends int
		record       string
	}{
		{nil, true, 200, 1, `stop "" "" 0`},
		{errors.New("no space left on device"), true, http.StatusInsufficientStorage, 1, `stop "" "" 0`},
		{nil, false, http.StatusBadRequest, 0, ""},
	} {
		var ends atomic.Int32
		a := audit{err: test.unwritten}
		config := server.Config{Record: a.record}
		if test.canStop {
			config.Stop = func() { ends.Add(1) }
		}
		r := serve(t, config)
		got := r.ask(t, "POST", "/v1/stop", "")
		if got.status != test.status || test.status == 200 && got.body != fmt.Sprintf(`{"pid":%d}`+"\n", os.Getpid()) {
			t.Errorf("%d %s, want %d", got.status, got.body, test.status)
		}
		eventually(t, "it is asked to end", func() bool { return int(ends.Load()) == test.ends })
		if lines := strings.Join(a.lines(), "\n"); int(ends.Load()) != test.ends || lines != test.record {
			t.Errorf("asked to end %d times, want %d; recorded %q", ends.Load(), test.ends, lines)
		}
	}
}

func TestPanicCostsOneRequest(t *testing.T) {
	r := serve(t, server.Config{Reload: func(context.Context) ([]string, error) { panic("the secret") }})
	if got := r.ask(t, "POST", "/v1/reload", ""); got.status != 500 || got.code() != agent.CodeInternal {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := r.ask(t, "GET", "/healthz", ""); got.status != 200 {
		t.Errorf("then %d %s", got.status, got.body)
	}
	if !strings.Contains(r.log.String(), "panic with a string") {
		t.Errorf("the log has no cause:\n%s", r.log)
	}
}

func TestNoLogShowsSecrets(t *testing.T) {
	p := profile(t, &upstream{})
	p.SetPIN = func([]byte) {}
	a := audit{}
	r := serve(t, server.Config{Profiles: profiles(map[string]*server.Profile{"default": p}), Record: a.record})
	r.ask(t, "POST", "/v1/unlock", "secret-PIN")
	r.ask(t, "GET", "/v1/token", "")
	r.ask(t, "GET", "/v1/token?secret=secret", "")
	if text := fmt.Sprintf("%+v", a.records); strings.Contains(text, "secret") || bytes.Contains([]byte(r.log.String()), []byte("secret")) {
		t.Errorf("a record or the log shows a secret:\n%s\n%s", text, r.log)
	}
}
