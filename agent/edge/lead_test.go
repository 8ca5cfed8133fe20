package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
)

// roundTripper is a function as http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

type hereKey struct{}

// TestLead: a call goes to the member that leads, to the one that leads then if that has gone, and at last
// is made here; where it may have been made it is not made again.
func TestLead(t *testing.T) {
	f := newFleet(t)
	second, _ := f.answers(text("second"))
	gone, stop := f.answers(text("gone"))
	stop()
	troubled, _ := f.answers(inTrouble(agent.CodeDeviceAbsent))
	breaking, _ := f.answers(cut)
	var die func()
	dying, end := f.answers(func(w http.ResponseWriter, r *http.Request) { die(); cut(w, r) })
	die = end
	here := memberuri.URI{Host: "127.0.0.1", Port: "1"}
	own := func(req *http.Request) (*http.Response, error) {
		body := ""
		if req.Body != nil {
			read, _ := io.ReadAll(req.Body)
			body = string(read)
		}
		recorder := httptest.NewRecorder()
		io.WriteString(recorder, "here "+req.URL.Host+" "+body)
		return recorder.Result(), nil
	}
	locked := func(*http.Request) (*http.Response, error) { return nil, agent.Problemf(agent.CodeLocked, "locked") }
	busy := func(*http.Request) (*http.Response, error) { return nil, errors.New("busy") }
	tests := []struct {
		name          string
		leader, later memberuri.URI // later: after something has failed
		own           roundTripper
		method        string
		isHere        bool
		want, err     string
		sent          string // what has come of it at others
	}{
		{"another leads", second, second, own, "POST", false, "second  body", "", "ok"},
		{"this one leads", here, here, own, "POST", false, "here api.example body", "", ""},
		{"from a member", second, second, own, "POST", true, "here api.example body", "", ""},
		{"the leader is gone, another leads", gone, second, own, "POST", false, "second  body", "", "failed ok"},
		{"the leader is gone, this one leads", gone, here, own, "POST", false, "here api.example body", "", "failed"},
		{"the leader is gone, and nobody knows", gone, gone, own, "POST", false, "here api.example body", "", "failed"},
		{"the leader is in trouble", troubled, troubled, own, "POST", false, "here api.example body", "", "failed"},
		{"the leader gives the lead away", troubled, second, own, "POST", false, "second  body", "", "failed ok"},
		{"this one is in trouble, another leads", here, second, locked, "POST", false, "second  body", "", "ok"},
		{"this one is in trouble, and leads", here, here, locked, "POST", false, "", "locked", ""},
		{"this one may have made it", here, second, busy, "POST", false, "", "busy", ""},
		{"all are in trouble", troubled, troubled, locked, "POST", false, "", "locked", "failed"},
		{"broken, a change", breaking, here, own, "POST", false, "", "which leads, has not answered: the connection broke", "failed"},
		{"the leader is killed meanwhile, a read", dying, second, own, "GET", false, "second  ", "", "failed ok"},
		{"broken, a read", breaking, here, own, "GET", false, "here api.example ", "", "failed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			leader, suspected := test.leader, ""
			asked := 0
			var sent []string
			lead := &Lead{
				Self: here.Address(), Trust: []string{"127.0.0.1"},
				Who: func(context.Context) string {
					if asked++; asked > 1 {
						leader = test.later
					}
					return leader.Address()
				},
				After: func(_ context.Context, gone string) string {
					if leader = test.later; leader.Address() == gone {
						return here.Address()
					}
					return leader.Address()
				},
				Here:      func(ctx context.Context) bool { return ctx.Value(hereKey{}) != nil },
				Suspect:   func(address string) { suspected = address },
				Introduce: func(_ context.Context, header http.Header) { header.Set(local.HeaderFor, "client:a") },
				Own:       test.own,
				Ready:     func(context.Context) (time.Time, error) { return time.Now().Add(time.Minute), nil },
				Identify:  func(context.Context) (anaplan.Identity, error) { return anaplan.Identity{UserID: "here"}, nil },
			}
			members := New(Config{Members: []memberuri.URI{gone, second, troubled, breaking, dying, here}, Identity: f.machine("edge.corp"), Lead: lead, Sent: func(_ string, ok bool) {
				sent = append(sent, map[bool]string{true: "ok", false: "failed"}[ok])
			}})
			for _, one := range members.all {
				one.names = nil // these have an address in their certificates, and no name
			}
			ctx := t.Context()
			if test.isHere {
				ctx = context.WithValue(ctx, hereKey{}, true)
			}
			req, err := http.NewRequestWithContext(ctx, test.method, "https://api.example/2/0/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.method == "POST" {
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader("body")), 4
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("body")), nil }
			}
			response, err := members.RoundTrip(req)
			got := ""
			if err == nil {
				read, _ := io.ReadAll(response.Body)
				response.Body.Close()
				got = string(read)
			}
			if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q, %v", got, err)
			}
			if wants := test.leader == gone || test.leader == dying; wants != (suspected == test.leader.Address()) {
				t.Errorf("suspected: %q", suspected)
			}
			if got := strings.Join(sent, " "); got != test.sent {
				t.Errorf("told of what was sent to others: %q, want %q", got, test.sent)
			}
		})
	}
}

// Where this machine leads, what stands for a token stands for its own.
func TestLeadHere(t *testing.T) {
	f, here := newFleet(t), memberuri.URI{Host: "127.0.0.1", Port: "1"}
	var trouble error
	members := New(Config{Members: []memberuri.URI{here}, Identity: f.machine("edge.corp"), Lead: &Lead{
		Self: here.Address(),
		Who:  func(context.Context) string { return here.Address() }, Here: func(context.Context) bool { return false },
		Ready:    func(context.Context) (time.Time, error) { return time.Now().Add(time.Minute), trouble },
		Identify: func(context.Context) (anaplan.Identity, error) { return anaplan.Identity{UserID: "here"}, nil },
	}})
	token, err := members.Authenticate(t.Context(), nil)
	if err != nil || !token.Live(time.Now()) {
		t.Errorf("%v, %v", token, err)
	}
	if _, err := members.Refresh(t.Context(), token); err != nil {
		t.Error(err)
	}
	if who, err := members.Validate(t.Context(), token); err != nil || who.UserID != "here" {
		t.Errorf("%v, %v", who, err)
	}
	if err := members.Logout(t.Context(), token); err != nil {
		t.Error(err)
	}
	trouble = agent.Problemf(agent.CodePINNeeded, "a PIN is needed")
	if _, err := members.Authenticate(t.Context(), nil); err != trouble {
		t.Error(err)
	}
}
