package policycheck

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// TestCovers compares rules by what they allow, without anybody to ask for names.
func TestCovers(t *testing.T) {
	const (
		load   = `run process "Nightly load" in model "Plan"`
		byID   = `run process 118000000001 in model 6D203BA7549241C7BEE26C93DE987F12`
		report = `run export "Report.csv" in model "Plan"`
	)
	for _, test := range []struct {
		name   string
		policy []string
		rule   string
		want   bool
	}{
		{"the same", []string{load}, load, true},
		{"written otherwise", []string{load}, `  run  process  "Nightly load"  in model "Plan"`, true},
		{"another name", []string{load}, `run process "Publish" in model "Plan"`, false},
		{"another model", []string{load}, `run process "Nightly load" in model "Plan 2"`, false},
		{"another kind", []string{load}, `run import "Nightly load" in model "Plan"`, false},
		{"a quotation mark in it", []string{`run process "a \"b\"" in model "Plan"`}, `run process "a \"b\"" in model "Plan"`, true},
		{"ids", []string{byID}, byID, true},
		{"ids in another case", []string{byID}, `run process 118000000001 in model 6d203ba7549241c7bee26c93de987f12`, true},
		{"one workspace of any", []string{load}, load + ` in workspace "Finance"`, true},
		{"any of one workspace", []string{load + ` in workspace "Finance"`}, load, false},
		{"everything", []string{"* /2/0/**"}, load, true},
		{"everything to read", []string{"GET /2/0/**"}, load, false},
		{"the file of an export", []string{report}, `download file "Report.csv" in model "Plan"`, false},
		{"an export by its parts", []string{"* /2/0/models/*/exports/**", "* /2/0/workspaces/*/models/*/exports/**"}, report, false},
		{"list", []string{"list"}, "list", true},
		{"list in a part", []string{"GET /2/0/models"}, "list", false},
		{"a part of list", []string{"list"}, "GET /2/0/models", true},
		{"a wildcard", []string{"GET /2/0/models/*"}, "GET /2/0/models/08B4", true},
		{"a wildcard of one", []string{"GET /2/0/models/08B4"}, "GET /2/0/models/*", false},
		{"a tree", []string{"GET /2/0/models/**"}, "GET /2/0/models/*/files/*", true},
		{"a tree of one level", []string{"GET /2/0/models", "GET /2/0/models/*"}, "GET /2/0/models/**", false},
		{"methods", []string{"GET /2/0/models"}, "GET,POST /2/0/models", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := policy.Parse(test.policy)
			if err != nil {
				t.Fatal(err)
			}
			rule, err := policy.Parse([]string{test.rule})
			if err != nil {
				t.Fatal(err)
			}
			scope := scopeOf(test.rule)
			calls := scope.calls(t.Context(), test.rule, rule)
			if len(calls) == 0 {
				t.Fatal("no call is tried")
			}
			if got := allows(t.Context(), namedPolicy{"", p}, calls, scope) == nil; got != test.want {
				t.Errorf("got %v, want %v, by %d calls", got, test.want, len(calls))
			}
		})
	}
}

// TestCallsOfRules: all kinds of calls of a rule are tried. One kind that a rule allows and that
// beneath does not have would go unseen.
func TestCallsOfRules(t *testing.T) {
	for rule, want := range map[string]int{
		`run process "A" in model "B"`:   2 * (9*2 + 2), // nine paths to GET and HEAD, one POST, one DELETE
		`run export "A" in model "B"`:    2 * (9*2 + 2 + 3*2),
		`upload file "A" in model "B"`:   2 * (2 + 2 + 1 + 1),
		`download file "A" in model "B"`: 2 * (3 * 2),
	} {
		parsed, err := policy.Parse([]string{rule})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(scopeOf(rule).calls(t.Context(), rule, parsed)); got != want {
			t.Errorf("%s: got %d calls, want %d", rule, got, want)
		}
	}
}
