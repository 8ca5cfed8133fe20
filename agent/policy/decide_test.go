package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

const (
	finance = "8a81b09d5e8c6f27015ece3402487d33"
	sales   = "8a81b09d5e8c6f27015ece3402487d34"
	plan    = "75A40874E6B64FA3AE0743278996850F"
	actuals = "75A40874E6B64FA3AE0743278996850E"
)

// catalog is a fake of what Anaplan has: names by what is asked for. It counts.
type catalog struct {
	names map[string]string // by kind and id
	fails map[string]error
	asked []string
}

func newCatalog() *catalog {
	return &catalog{names: map[string]string{
		"workspaces " + finance: "Finance", "workspaces " + sales: "Sales",
		"models " + plan: "Plan", "models " + actuals: "Actuals",
		"processes 118000000001": "Nightly load", "processes 118000000002": "Monthly close",
		"imports 112000000001": "Accounts", "exports 116000000001": "Report", "actions 117000000001": "Clear",
		"files 113000000001": "Sales.csv", "files 116000000001": "report.csv",
	}, fails: map[string]error{}}
}

func (c *catalog) Name(_ context.Context, kind, workspace, model, id string) (string, error) {
	c.asked = append(c.asked, fmt.Sprintf("%s(%s,%s) %s", kind, workspace, model, id))
	return c.names[kind+" "+id], c.fails[kind]
}

func mustParse(t testing.TB, rules ...string) *policy.Policy {
	t.Helper()
	defer soon()()
	p, err := policy.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// expand writes $F, $S, $P and $A for the ids of workspaces and models.
func expand(text string) string {
	return strings.NewReplacer("$F", finance, "$S", sales, "$P", plan, "$A", actuals).Replace(text)
}

// calls splits texts of the form "GET /path" and replaces ids.
func calls(t *testing.T, call string) (method string, path policy.Path) {
	t.Helper()
	method, escaped, _ := strings.Cut(expand(call), " ")
	return method, mustPath(t, escaped)
}

// Each rule allows exactly the calls it lists, of all the calls that stand in the table.
func TestDecide(t *testing.T) {
	tests := []struct {
		rule    string
		allowed []string
	}{
		{"GET /2/0/workspaces/*/models", []string{"GET /2/0/workspaces/$F/models", "HEAD /2/0/workspaces/$F/models", "GET /2/0/workspaces/x/models/"}},
		{"HEAD /2/0/workspaces/*/models", []string{"HEAD /2/0/workspaces/$F/models"}},
		{"PATCH,DELETE /x", []string{"PATCH /x", "DELETE /x"}},
		{"* /x", []string{"GET /x", "HEAD /x", "POST /x", "PUT /x", "PATCH /x", "DELETE /x"}},
		{"GET /x/**", []string{"GET /x", "HEAD /x", "GET /x/", "GET /x/y", "GET /x/y/z", "GET /x/y/z/a"}},
		{"GET /X", []string{"GET /X"}},
		{"GET /", []string{"GET /"}},
		{"GET /%2A", []string{"GET /%2A", "GET /*"}},
		{"GET /*/y", []string{"GET /x/y", "GET /X/y"}},
		{"GET /2/0/models/" + strings.ToLower(plan) + "/lists", []string{"GET /2/0/models/$P/lists"}},
		{"list", []string{
			"GET /2/0/users/me", "GET /2/0/workspaces", "GET /2/0/models", "GET /2/0/workspaces/$F/models", "HEAD /2/0/workspaces/$F/models", "GET /2/0/workspaces/x/models/",
			"GET /2/0/workspaces/$F", "GET /2/0/models/$P", "GET /2/0/workspaces/$F/models/$P", "GET /2/0/models/$P/lists",
			"GET /2/0/models/$P/lists/101000000001", "GET /2/0/models/$P/views/102000000001", "POST /2/0/models/$P/status",
			"GET /2/0/models/$P/processes", "GET /2/0/models/$P/imports", "GET /2/0/models/$P/exports", "GET /2/0/models/$P/actions", "GET /2/0/models/$P/files",
			"GET /2/0/workspaces/$F/models/$P/files",
		}},
		{"run process 118000000001 in model $P", []string{"POST /2/0/models/$P/status",
			"GET /2/0/models/$P/processes/118000000001",
			"POST /2/0/models/$P/processes/118000000001/tasks", "GET /2/0/models/$P/processes/118000000001/tasks",
			"GET /2/0/models/$P/processes/118000000001/tasks/T", "DELETE /2/0/models/$P/processes/118000000001/tasks/T",
			"GET /2/0/models/$P/processes/118000000001/tasks/T/dump", "GET /2/0/models/$P/processes/118000000001/tasks/T/dump/chunks",
			"GET /2/0/models/$P/processes/118000000001/tasks/T/dump/chunks/0",
			"GET /2/0/models/$P/processes/118000000001/tasks/T/dumps/112000000001", "GET /2/0/models/$P/processes/118000000001/tasks/T/dumps/112000000001/chunks",
			"GET /2/0/models/$P/processes/118000000001/tasks/T/dumps/112000000001/chunks/0",
			"POST /2/0/workspaces/$F/models/$P/processes/118000000001/tasks",
			"POST /2/0/workspaces/$S/models/$P/processes/118000000001/tasks",
		}},
		{`run process "Monthly close" in model "Actuals" in workspace "Sales"`, []string{"POST /2/0/workspaces/$S/models/$A/processes/118000000002/tasks"}},
		{`run process "Monthly close" in model "Actuals"`, []string{
			"POST /2/0/workspaces/$S/models/$A/processes/118000000002/tasks", "POST /2/0/models/$A/processes/118000000002/tasks",
		}},
		// No workspace in the path: the model's id says which it is, its name does not.
		{`run process "Monthly close" in model $A in workspace "Sales"`, []string{
			"POST /2/0/workspaces/$S/models/$A/processes/118000000002/tasks", "POST /2/0/models/$A/processes/118000000002/tasks",
		}},
		{`run process 118000000002 in model "Actuals" in workspace $S`, []string{"POST /2/0/workspaces/$S/models/$A/processes/118000000002/tasks"}},
		{`run process 118000000001 in model "Plan" in workspace "Finance"`, []string{"POST /2/0/workspaces/$F/models/$P/processes/118000000001/tasks"}},
		{`run process "nightly load" in model "Plan"`, []string{"POST /2/0/models/$P/status"}},
		{`run process "Nightly load" in model "Actuals"`, nil},
		{`run import "Accounts" in model "Plan"`, []string{"POST /2/0/models/$P/status", "POST /2/0/models/$P/imports/112000000001/tasks"}},
		{`run action 117000000001 in model "Plan"`, []string{"POST /2/0/models/$P/status", "POST /2/0/models/$P/actions/117000000001/tasks"}},
		{`run export "Report" in model "Plan"`, []string{
			"POST /2/0/models/$P/status",
			"POST /2/0/models/$P/exports/116000000001/tasks",
			"GET /2/0/models/$P/files/116000000001", "GET /2/0/models/$P/files/116000000001/chunks", "GET /2/0/models/$P/files/116000000001/chunks/0",
		}},
		{`run export 116000000001 in model $P`, []string{
			"POST /2/0/models/$P/status",
			"POST /2/0/models/$P/exports/116000000001/tasks",
			"GET /2/0/models/$P/files/116000000001", "GET /2/0/models/$P/files/116000000001/chunks", "GET /2/0/models/$P/files/116000000001/chunks/0",
		}},
		{`download file "report.csv" in model "Plan"`, []string{
			"POST /2/0/models/$P/status",
			"GET /2/0/models/$P/files/116000000001", "GET /2/0/models/$P/files/116000000001/chunks", "GET /2/0/models/$P/files/116000000001/chunks/0",
		}},
		{`read list 101000000001 in model $P`, []string{
			"GET /2/0/models/$P/lists/101000000001", "GET /2/0/models/$P/lists/101000000001/items", "POST /2/0/models/$P/lists/101000000001/readRequests",
			"DELETE /2/0/models/$P/lists/101000000001/readRequests/R", "GET /2/0/models/$P/lists/101000000001/readRequests/R/pages/0", "POST /2/0/models/$P/status",
		}},
		{`write list 101000000001 in model $P`, []string{
			"GET /2/0/models/$P/lists/101000000001", "GET /2/0/models/$P/lists/101000000001/items", "POST /2/0/models/$P/lists/101000000001/items",
			"PUT /2/0/models/$P/lists/101000000001/items", "POST /2/0/models/$P/status",
		}},
		{`read view 102000000001 in model $P`, []string{
			"GET /2/0/models/$P/views/102000000001", "GET /2/0/models/$P/views/102000000001/data", "GET /2/0/models/$P/views/102000000001/dimensions/D/items",
			"POST /2/0/models/$P/status",
		}},
		{`upload file "Sales.csv" in model $P`, []string{
			"GET /2/0/models/$P/files/113000000001/chunks", "POST /2/0/models/$P/status",
			"GET /2/0/models/$P/files/113000000001", "POST /2/0/models/$P/files/113000000001", "PUT /2/0/models/$P/files/113000000001",
			"PUT /2/0/models/$P/files/113000000001/chunks/0", "POST /2/0/models/$P/files/113000000001/complete",
		}},
	}
	all := []string{ // what nothing allows
		"POST /2/0/models/$P/processes/118000000001", "PUT /2/0/models/$P/processes/118000000001/tasks", "DELETE /2/0/models/$P/files/113000000001",
		"DELETE /2/0/models/$P/files/113000000001/chunks/0", "PUT /2/0/models/$P/files/116000000001/chunks/0", "GET /2/0/models/$P/lists/1/items",
		"POST /2/0/models", "GET /2/0/MODELS", "GET /2/0/models/$P/Files", "GET /3/0/models", "GET /2/0/models/$P/processes/118000000001/tasks/T/dump/chunks/0/1",
		"GET /2/0", "GET /2", "POST /X",
	}
	for _, test := range tests {
		all = append(all, test.allowed...)
	}
	for _, test := range tests {
		rule := expand(test.rule)
		p := mustParse(t, rule)
		want := map[string]bool{}
		for _, call := range test.allowed {
			method, path := calls(t, call)
			want[method+path.String()] = true
		}
		for _, call := range all {
			method, path := calls(t, call)
			got, err := p.Decide(t.Context(), method, path, newCatalog())
			if err != nil || got.Allowed != want[method+path.String()] {
				t.Errorf("%s: %s: allowed is %v, error %v", test.rule, call, got.Allowed, err)
			}
			if got.Allowed && got.Rule != rule {
				t.Errorf("%s: %s: rule is %q", test.rule, call, got.Rule)
			}
			checkMissing(t, p, method, path)
		}
	}
}

// What is refused is so because of what stands between it and the rule.
func TestDecideRefuses(t *testing.T) {
	all := mustParse(t, "* /**", "list")
	for _, method := range []string{"", "get", "OPTIONS", "TRACE", "CONNECT", "*", "GET,HEAD", "GET "} {
		got, err := all.Decide(t.Context(), method, mustPath(t, "/2/0/models"), nil)
		if diff := cmp.Diff(policy.Decision{}, got); diff != "" || err != nil {
			t.Errorf("method %q: error %v, decision (-want +got):\n%s", method, err, diff)
		}
	}
	got, err := all.Decide(t.Context(), "GET", policy.Path{}, nil)
	if diff := cmp.Diff(policy.Decision{}, got); diff != "" || err != nil {
		t.Errorf("no path: error %v, decision (-want +got):\n%s", err, diff)
	}
}

func TestNothingIsAllowedByNothing(t *testing.T) {
	for name, p := range map[string]*policy.Policy{"nil": nil, "zero": {}, "no rules": mustParse(t)} {
		for _, path := range []string{"/", "/2/0/models"} {
			got, err := p.Decide(t.Context(), "GET", mustPath(t, path), newCatalog())
			if err != nil || got.Allowed || len(p.Rules()) != 0 {
				t.Errorf("%s: %s: got %+v, error %v", name, path, got, err)
			}
		}
	}
}

func TestMissing(t *testing.T) {
	tests := []struct{ call, want string }{
		{"POST /2/0/models/$P/processes/118000000001/tasks", "run process 118000000001 in model $P"},
		{"POST /2/0/workspaces/$F/models/$P/imports/1/tasks", "run import 1 in model $P"},
		{"HEAD /2/0/models/$P/exports/1/tasks/T/dump/chunks/0", "run export 1 in model $P"},
		{"GET /2/0/models/$P/actions/1", "run action 1 in model $P"},
		{"DELETE /2/0/models/$P/actions/1/tasks/T", "run action 1 in model $P"},
		{"GET /2/0/models/$P/files/1", "download file 1 in model $P"},
		{"GET /2/0/models/$P/files/1/chunks/0", "download file 1 in model $P"},
		{"PUT /2/0/models/$P/files/1/chunks/0", "upload file 1 in model $P"},
		{"POST /2/0/models/$P/files/1/complete", "upload file 1 in model $P"},
		{"POST /2/0/models/$P/files/1", "upload file 1 in model $P"},
		{"DELETE /2/0/models/$P/files/1", "DELETE /2/0/models/$P/files/1"},
		{"POST /2/0/models/$P/lists/1", "POST /2/0/models/$P/lists/1"},
		{"GET /2/0/models/$P/files/*", "GET /2/0/models/$P/files/%2A"},
		{"POST /2/0/models/x/processes/1/tasks", "POST /2/0/models/x/processes/1/tasks"},
		{"GET /2/0/workspaces", "list"},
		{"GET /2/0/models/$P/processes", "list"},
		{"POST /2/0/models/$P/processes", "POST /2/0/models/$P/processes"},
		{"GET /2/0/models/$P", "GET /2/0/models/$P"},
		{"GET /2/0/users/me", "GET /2/0/users/me"},
		{"GET /%41%20b/**", "GET /A%20b/%2A%2A"},
		{"GET /", "GET /"},
		{"GET /2/0/workspaces/$F/models", "list"},
	}
	nothing := mustParse(t)
	for _, test := range tests {
		method, path := calls(t, test.call)
		got, err := nothing.Decide(t.Context(), method, path, nil)
		if diff := cmp.Diff(policy.Decision{Missing: expand(test.want)}, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, decision (-want +got):\n%s", test.call, err, diff)
		}
		checkMissing(t, nothing, method, path)
	}
}

func TestUnless(t *testing.T) {
	p := mustParse(t,
		`run process "Nightly \"load\"" in model "Plan" in workspace "Finance"`,
		`run process 118000000001 in model "Actuals"`,
		`run process "Weekly" in model `+actuals,
		`run import "Weekly" in model "Plan"`,
		`upload file "x.csv" in model "Plan"`,
		`download file "x.csv" in model "Plan"`,
		`run export "X" in model "Plan"`,
	)
	const start = "POST /2/0/workspaces/$F/models/$P/processes/118000000001/tasks"
	tests := []struct {
		call string
		want []string
	}{
		{start, []string{`process 118000000001 in model "Actuals"`, `process "Nightly \"load\"" in model "Plan" in workspace "Finance"`}},
		{"POST /2/0/models/$P/processes/118000000001/tasks", []string{`process 118000000001 in model "Actuals"`}},
		{"GET /2/0/models/$A/processes/118000000002", []string{`process "Weekly" in model ` + actuals}},
		{"GET /2/0/models/$P/files/118000000002", []string{`file "x.csv" in model "Plan"`, `export "X" in model "Plan"`}},
		{"PATCH /2/0/models/$P/files/118000000002", nil},
	}
	for _, test := range tests {
		method, path := calls(t, test.call)
		for _, names := range []policy.Names{nil, newCatalog()} {
			got, err := p.Decide(t.Context(), method, path, names)
			if diff := cmp.Diff(test.want, got.Unless); diff != "" || err != nil || got.Allowed {
				t.Errorf("%s: allowed is %v, error %v, unless (-want +got):\n%s", test.call, got.Allowed, err, diff)
			}
		}
	}
}

func TestHints(t *testing.T) {
	method, path := calls(t, "POST /2/0/models/$P/processes/118000000001/tasks")
	got, err := mustParse(t, `run process "Weekly" in model "Plan"`).Decide(t.Context(), method, path, nil)
	want := []string{
		`there is a rule for process "Weekly" in model "Plan", but that is not what the path leads to`,
		"this rule would allow it: run process 118000000001 in model " + plan,
	}
	if diff := cmp.Diff(want, got.Hints()); diff != "" || err != nil {
		t.Errorf("error %v, hints (-want +got):\n%s", err, diff)
	}
	if hints := (policy.Decision{}).Hints(); hints != nil {
		t.Errorf("hints %q for what no rule can allow", hints)
	}
}

// The first written rule is told, and names are not asked for what needs none.
func TestRuleWithoutNamesComesFirst(t *testing.T) {
	p := mustParse(t,
		`run process "Nightly load" in model "Plan"`,
		"GET /2/0/**",
		"* /2/0/models/*/processes/*/tasks",
		"run process 118000000001 in model "+plan,
	)
	for call, want := range map[string]string{
		"GET /2/0/models/$P/processes/118000000001/tasks":       "GET /2/0/**",
		"POST /2/0/models/$P/processes/118000000001/tasks":      "* /2/0/models/*/processes/*/tasks",
		"DELETE /2/0/models/$P/processes/118000000001/tasks/T":  "run process 118000000001 in model " + plan,
		"HEAD /2/0/models/$P/processes/118000000001/tasks/T":    "GET /2/0/**",
		"POST /2/0/models/$A/processes/118000000002/tasks":      "* /2/0/models/*/processes/*/tasks",
		"DELETE /2/0/models/$P/processes/0118000000001/tasks/T": "",
	} {
		names := newCatalog()
		method, path := calls(t, call)
		got, err := p.Decide(t.Context(), method, path, names)
		if err != nil || got.Rule != want {
			t.Errorf("%s: rule is %q, error %v, want %q", call, got.Rule, err, want)
		}
		if want != "" && names.asked != nil {
			t.Errorf("%s: asked for %q", call, names.asked)
		}
	}
}

func TestNamesAsked(t *testing.T) {
	const start = "POST /2/0/workspaces/$F/models/$P/processes/118000000001/tasks"
	tests := []struct {
		name, call string
		rules      []string
		want       []string
	}{
		{"all", start, []string{`run process "Nightly load" in model "Plan" in workspace "Finance"`},
			[]string{"workspaces(,) $F", "models($F,) $P", "processes($F,$P) 118000000001"}},
		{"no workspace in the path", "GET /2/0/models/$P/processes/118000000001", []string{`run process "Nightly load" in model "Plan"`},
			[]string{"models(,) $P", "processes(,$P) 118000000001"}},
		{"each once", start, []string{
			`run process "A" in model "Plan" in workspace "Finance"`, `run process "B" in model "Plan"`, `run process "C" in model $P`,
			`run process 118000000001 in model "X"`, `run process 118000000001 in model $P in workspace "X"`, `run process "D" in model $P in workspace "Finance"`,
		}, []string{"workspaces(,) $F", "processes($F,$P) 118000000001", "models(,) $P", "models($F,) $P"}},
		// The client chooses the workspace in the path, and must not choose among which models a
		// name is unique.
		{"a workspace in the path only", start, []string{`run process "Nightly load" in model "Plan"`},
			[]string{"models(,) $P", "processes($F,$P) 118000000001"}},
		{"no further where it cannot fit", start, []string{`run process "Nightly load" in model "Plan" in workspace "Sales"`}, []string{"workspaces(,) $F"}},
		{"other thing", start, []string{`run import "Nightly load" in model "Plan"`, `run process "Nightly load" in model $A`, `run process 118000000002 in model "Plan"`}, nil},
		{"other method", "PUT /2/0/models/$P/processes/118000000001/tasks", []string{`run process "Nightly load" in model "Plan"`}, nil},
		{"other depth", "GET /2/0/models/$P/processes/118000000001/x", []string{`run process "Nightly load" in model "Plan"`}, nil},
		{"files as exports", "GET /2/0/models/$P/files/116000000001", []string{`run export "X" in model $P`, `download file "X" in model $P`},
			[]string{"exports(,$P) 116000000001", "files(,$P) 116000000001"}},
		{"ids as they are in the path", "GET /2/0/models/75a40874E6B64FA3AE0743278996850F/processes/1", []string{`run process "X" in model $P`},
			[]string{"processes(,75a40874E6B64FA3AE0743278996850F) 1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := mustParse(t, strings.Split(expand(strings.Join(test.rules, "\n")), "\n")...)
			method, path := calls(t, test.call)
			names := newCatalog()
			if _, err := p.Decide(t.Context(), method, path, names); err != nil {
				t.Fatal(err)
			}
			want := strings.Split(expand(strings.Join(test.want, "\n")), "\n")
			if test.want == nil {
				want = nil
			}
			if diff := cmp.Diff(want, names.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// A thing without a name of its own has none, whatever a rule says.
func TestNoName(t *testing.T) {
	p := mustParse(t, `run process "Nightly load" in model "Plan"`)
	names := newCatalog()
	names.names["models "+plan] = ""
	method, path := calls(t, "POST /2/0/models/$P/processes/118000000001/tasks")
	got, err := p.Decide(t.Context(), method, path, names)
	if err != nil || got.Allowed {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestNameNotLookedUp(t *testing.T) {
	down := errors.New("no answer")
	const named, byID = `run process "Nightly load" in model "Plan" in workspace "Finance"`, `run process "Nightly load" in model ` + plan
	method, path := calls(t, "POST /2/0/workspaces/$F/models/$P/processes/118000000001/tasks")

	names := newCatalog()
	names.fails["workspaces"] = down
	got, err := mustParse(t, named).Decide(t.Context(), method, path, names)
	if !errors.Is(err, down) || !strings.Contains(err.Error(), `the name of "`+finance+`" in workspaces: no answer`) {
		t.Errorf("error %v", err)
	}
	want := policy.Decision{
		Missing: "run process 118000000001 in model " + plan,
		Unless:  []string{`process "Nightly load" in model "Plan" in workspace "Finance"`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}

	// Another rule does without the name.
	for _, rules := range [][]string{{named, byID}, {byID, named}} {
		got, err := mustParse(t, rules...).Decide(t.Context(), method, path, names)
		if diff := cmp.Diff(policy.Decision{Allowed: true, Rule: byID}, got); diff != "" || err != nil {
			t.Errorf("error %v, decision (-want +got):\n%s", err, diff)
		}
	}

	// A name that comes with an error does not count.
	names.fails["processes"] = down
	if got, err := mustParse(t, byID).Decide(t.Context(), method, path, names); got.Allowed || !errors.Is(err, down) {
		t.Errorf("got %+v, error %v", got, err)
	}
}

// alike answers with how a name looks, as Names do where no other looks like it, or with the name.
type alike struct{ name string }

func (a alike) Name(_ context.Context, kind, _, _, _ string) (string, error) {
	if kind == "models" {
		return lookalike.Any("Plan"), nil
	}
	return a.name, nil
}

// A rule fits a name that looks like its own, where Names say that no other does, and else only the
// name as it is written.
func TestNamesThatLookAlike(t *testing.T) {
	const composed, decomposed = "\u00c4pfel", "A\u0308pfel"
	p := mustParse(t, `run process "`+composed+` " in model "Plan "`)
	for name, want := range map[string]bool{
		lookalike.Any(composed): true, lookalike.Any(decomposed): true, composed + " ": true, lookalike.Any("Apfel"): false,
		composed: false, decomposed: false, "": false,
	} {
		got, err := p.Decide(t.Context(), "POST", mustPath(t, "/2/0/models/"+plan+"/processes/1/tasks"), alike{name})
		if err != nil || got.Allowed != want {
			t.Errorf("%+q: %+v, error %v", name, got, err)
		}
	}
	// Two rules that look alike are two.
	p = mustParse(t, `run process "`+composed+`" in model "Plan"`, `run process "`+decomposed+`" in model "Plan"`)
	for name, rule := range map[string]string{composed: composed, decomposed: decomposed, lookalike.Any(decomposed): composed} {
		got, err := p.Decide(t.Context(), "POST", mustPath(t, "/2/0/models/"+plan+"/processes/1/tasks"), alike{name})
		if err != nil || !strings.Contains(got.Rule, rule) {
			t.Errorf("%+q: %+v, error %v", name, got, err)
		}
	}
}
