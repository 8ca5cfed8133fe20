package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/google/go-cmp/cmp"
)

var wantStatuses = map[agent.Code]int{
	"bad_request": 400, "unauthorized": 401, "not_allowed": 403, "unknown_profile": 404, "pin_needed": 409, "pin_refused": 409,
	"touch_needed": 409, "too_large": 413, "locked": 423, "too_many": 429, "key_unusable": 500, "settings": 500,
	"internal": 500, "login_refused": 502, "server_refused": 502, "device_absent": 503, "device_failed": 503,
	"signer_failed": 503, "unreachable": 503, "rate_limited": 503, "token_file": 503, "stopping": 503, "audit_failed": 507,
}

// allCodes reads the codes out of the source, so that a new one cannot be forgotten.
func allCodes(t *testing.T) []agent.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []agent.Code
	ast.Inspect(file, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
				text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				codes = append(codes, agent.Code(text))
			}
		}
		return true
	})
	return codes
}

func TestStatusOfCodes(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(wantStatuses)), slices.Sorted(slices.Values(allCodes(t)))); diff != "" {
		t.Errorf("-known here +in package agent\n%s", diff)
	}
	for code, want := range wantStatuses {
		if got := server.StatusOf(code); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	if got := server.StatusOf("of a later version"); got != 500 {
		t.Errorf("an unknown code: %d", got)
	}
}

// Every problem of a Keeper reaches the client as it was.
func TestProblemsTravel(t *testing.T) {
	for code, status := range wantStatuses {
		want := &agent.Problem{
			Code: code, Message: "it is \"so\" <é>", Hints: []string{"anaplan-agent doctor"}, Human: true, Final: true,
			Wait: 1500 * time.Millisecond, PIN: &agent.PINPrompt{Question: "PIN?", LastTry: "it blocks"},
		}
		u := &upstream{sign: func(context.Context, bool, agent.NotifyFunc) error { return want }}
		r := serve(t, server.Config{Profiles: one(t, u)})
		_, err := r.client(t).Token(t.Context(), "default", nil)
		if diff := cmp.Diff(any(want), any(err)); diff != "" {
			t.Errorf("%s: -want +got\n%s", code, diff)
		}
		got := serve(t, server.Config{Profiles: one(t, u)}).ask(t, "GET", "/v1/token", "")
		if got.status != status || got.header.Get("Retry-After") != "2" {
			t.Errorf("%s: %d %v", code, got.status, got.header)
		}
	}
}

func TestProblemIsJSON(t *testing.T) {
	got := serve(t, server.Config{}).ask(t, "GET", "/v1/token?profile=x", "")
	var problem agent.Problem
	if err := json.Unmarshal([]byte(got.body), &problem); err != nil || problem.Message == "" || len(problem.Hints) == 0 {
		t.Errorf("%v: %s", err, got.body)
	}
	if want := fmt.Sprint(len(got.body)); got.status != http.StatusNotFound || got.header.Get("Content-Length") != want {
		t.Errorf("%d %v", got.status, got.header)
	}
}
