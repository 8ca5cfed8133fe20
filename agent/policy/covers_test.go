package policy_test

import (
	"errors"
	"math/rand"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

func mustRule(t *testing.T, text string) *policy.Rule {
	t.Helper()
	defer soon()()
	rule, err := policy.ParseRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

// TestCovers compares rules by what they allow, without anybody to ask for names.
func TestCovers(t *testing.T) {
	const (
		load   = `run process "Nightly load" in model "Plan"`
		byID   = `run process 118000000001 in model 6D203BA7549241C7BEE26C93DE987F12`
		report = `run export "Report.csv" in model "Plan"`
		chunks = `PUT /2/0/models/*/files/*/chunks/*`
	)
	all, no, depends := policy.Coverage{All: true}, policy.Coverage{}, policy.Coverage{Depends: true}
	for _, test := range []struct {
		name   string
		policy []string
		rule   string
		want   policy.Coverage
	}{
		{"no rules", nil, load, no},
		{"the same", []string{load}, load, all},
		{"written otherwise", []string{load}, `  run  process  "Nightly load"  in model "Plan"`, all},
		{"another name", []string{load}, `run process "Publish" in model "Plan"`, no},
		{"another model", []string{load}, `run process "Nightly load" in model "Plan 2"`, no},
		{"another kind", []string{load}, `run import "Nightly load" in model "Plan"`, no},
		{"a quotation mark in it", []string{`run process "a \"b\"" in model "Plan"`}, `run process "a \"b\"" in model "Plan"`, all},
		{"ids", []string{byID}, byID, all},
		{"ids in another case", []string{byID}, `run process 118000000001 in model 6d203ba7549241c7bee26c93de987f12`, all},
		{"another id", []string{byID}, `run process 118000000002 in model 6D203BA7549241C7BEE26C93DE987F12`, no},
		{"ids by names", []string{load}, byID, depends},
		{"an id in a named model", []string{load}, `run process 118000000001 in model "Plan"`, depends},
		{"a name in a model by its id", []string{load}, `run process "Nightly load" in model 6D203BA7549241C7BEE26C93DE987F12`, depends},
		{"names in a workspace by its id", []string{load + ` in workspace "Finance"`}, load + " in workspace 8a81b09d5e8c6f27015ece3402487d33", depends},
		{"names by ids", []string{byID}, load, depends},
		{"names by ids in a path", []string{"* /2/0/models/6D203BA7549241C7BEE26C93DE987F12/**"}, load, depends},
		{"a path by names", []string{load}, "POST /2/0/models/6D203BA7549241C7BEE26C93DE987F12/processes/118000000001/tasks", depends},
		{"one workspace of any", []string{load}, load + ` in workspace "Finance"`, all},
		{"any of one workspace", []string{load + ` in workspace "Finance"`}, load, no},
		{"a model by id, of one workspace", []string{`run process "Nightly load" in model 6D203BA7549241C7BEE26C93DE987F12 in workspace "Finance"`}, `run process "Nightly load" in model 6D203BA7549241C7BEE26C93DE987F12`, depends},
		{"everything", []string{"* /2/0/**"}, load, all},
		{"everything to read", []string{"GET /2/0/**"}, load, no},
		{"an export and its file", []string{report}, report, all},
		{"the file of an export", []string{report}, `download file "Report.csv" in model "Plan"`, no},
		{"an export by its parts", []string{"* /2/0/models/*/exports/**", "* /2/0/workspaces/*/models/*/exports/**"}, report, no},
		{"an upload without the whole", []string{chunks, strings.Replace(chunks, "models", "workspaces/*/models", 1)}, `upload file "A" in model "B"`, no},
		{"list", []string{"list"}, "list", all},
		{"list in a part", []string{"GET /2/0/models"}, "list", no},
		{"a part of list", []string{"list"}, "GET /2/0/models", all},
		{"a wildcard", []string{"GET /2/0/models/*"}, "GET /2/0/models/08B4", all},
		{"a wildcard of one", []string{"GET /2/0/models/08B4"}, "GET /2/0/models/*", no},
		{"a tree", []string{"GET /2/0/models/**"}, "GET /2/0/models/*/files/*", all},
		{"a tree of its kind", []string{"GET /2/0/**"}, "GET /2/0/models/**", all},
		{"a tree of one level", []string{"GET /2/0/models", "GET /2/0/models/*"}, "GET /2/0/models/**", no},
		{"all there is", []string{"* /**"}, "* /**", all},
		{"methods", []string{"GET /2/0/models"}, "GET,POST /2/0/models", no},
		{"methods of two rules", []string{"GET /2/0/models", "POST /2/0/models"}, "GET,POST /2/0/models", all},
		{"an escaped segment", []string{"GET /2/0/models/a%20b"}, "GET /2/0/models/a%20b", all},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := mustParse(t, test.policy...).Covers(t.Context(), mustRule(t, test.rule), nil)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

// TestCoversByIDs: once it is known which ids a rule is about, names are asked for.
func TestCoversByIDs(t *testing.T) {
	names := &catalog{names: map[string]string{"processes 1": "one", "exports 2": "two", "models " + plan: "Plan", "models " + strings.ToLower(plan): "Plan", "workspaces " + finance: "Finance"}}
	for _, test := range []struct {
		policy, rule string
		thing        string
		want         bool
	}{
		{"run process 1 in model " + plan, `run process "one" in model "Plan"`, "1", true},
		{"run process 3 in model " + plan, `run process "one" in model "Plan"`, "1", false},
		{`run process "one" in model "Plan"`, "run process 1 in model " + plan, "1", true},
		{`run process "two" in model "Plan"`, "run process 1 in model " + plan, "1", false},
		{`run process "one" in model "Plan" in workspace "Sales"`, "run process 1 in model " + plan, "1", false},
		{`run process 1 in model "Plan" in workspace "Finance"`, `run process "one" in model "Plan" in workspace "Finance"`, "1", true},
		{`run process "one" in model ` + plan + ` in workspace "Finance"`, "run process 1 in model " + plan, "1", true},
		{`run export "two" in model "Plan"`, "run export 2 in model " + plan, "2", true},
	} {
		got, err := mustParse(t, test.policy).Covers(t.Context(), mustRule(t, test.rule).WithIDs(test.thing, plan, finance), names)
		if err != nil || got.All != test.want {
			t.Errorf("%s by %s: got %+v, %v", test.rule, test.policy, got, err)
		}
	}
}

func TestCoversTellsOfFailure(t *testing.T) {
	failing := &catalog{fails: map[string]error{"processes": errors.New("no answer"), "models": errors.New("no answer")}}
	_, err := mustParse(t, `run process "one" in model "Plan"`).Covers(t.Context(), mustRule(t, "run process 1 in model "+plan), failing)
	if err == nil {
		t.Error("a failure to ask is taken for a refusal")
	}
}

func TestObject(t *testing.T) {
	for text, want := range map[string]policy.Object{
		"list":                          {},
		"GET /2/0/models":               {},
		"run export 1 in model " + plan: {List: "exports", Thing: "1", Model: plan},
		`upload file "a \"b\"" in model "Plan" in workspace ` + finance: {List: "files", Thing: `a "b"`, Model: "Plan", Workspace: finance, Named: true},
	} {
		if got, ok := mustRule(t, text).Object(); got != want || ok != (want.List != "") {
			t.Errorf("%s: got %+v, %v", text, got, ok)
		}
	}
	if _, err := policy.ParseRule("lst"); err == nil || !strings.Contains(err.Error(), "rule 1, ") {
		t.Errorf("got %v", err)
	}
}

// TestCoversAgainstCalls draws policies and rules: what a policy covers it allows, call by call.
func TestCoversAgainstCalls(t *testing.T) {
	covered, not := 0, 0
	for seed := range int64(400) {
		c := chance{rand.New(rand.NewSource(seed))}
		var texts []string
		for range 1 + c.Intn(12) {
			texts = append(texts, c.rule().text)
		}
		rule := c.rule()
		if c.Intn(3) == 0 {
			rule.text = texts[0]
		}
		p, alone := mustParse(t, texts...), mustParse(t, rule.text)
		got, err := p.Covers(t.Context(), mustRule(t, rule.text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !got.All {
			not++
			continue
		}
		covered++
		for range 200 {
			names := c.draw()
			method, path := c.call()
			wanted, _ := alone.Decide(t.Context(), method, mustPath(t, path), names)
			has, _ := p.Decide(t.Context(), method, mustPath(t, path), names)
			if wanted.Allowed && !has.Allowed {
				t.Fatalf("seed %d: %s is covered, and %s %s is refused by:\n%s", seed, rule.text, method, path, strings.Join(texts, "\n"))
			}
		}
	}
	if covered < 40 || not < 40 {
		t.Errorf("the drawn rules tell little: %d covered, %d not", covered, not)
	}
}
