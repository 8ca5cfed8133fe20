package policy_test

import (
	"context"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// names stands for a catalog of what Anaplan has.
type names map[string]string

func (n names) Name(_ context.Context, kind, workspace, model, id string) (string, error) {
	return n[kind+" "+id], nil
}

func Example() {
	rules, err := policy.Parse([]string{
		`run process "Nightly load" in model "Plan"`,
		"GET /2/0/workspaces/*/models",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	catalog := names{
		"models 75A40874E6B64FA3AE0743278996850F": "Plan",
		"processes 118000000001":                  "Nightly load",
		"processes 118000000002":                  "Delete everything",
	}
	for _, id := range []string{"118000000001", "118000000002"} {
		path, err := policy.ParsePath("/2/0/models/75A40874E6B64FA3AE0743278996850F/processes/" + id + "/tasks")
		if err != nil {
			fmt.Println(err)
			return
		}
		decision, err := rules.Decide(context.Background(), "POST", path, catalog)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v, rule %q\n", decision.Allowed, decision.Rule)
		fmt.Printf("missing %q\n", decision.Missing)
	}
	// Output:
	// true, rule "run process \"Nightly load\" in model \"Plan\""
	// missing ""
	// false, rule ""
	// missing "run process 118000000002 in model 75A40874E6B64FA3AE0743278996850F"
}

func ExampleParse_mistake() {
	_, err := policy.Parse([]string{"list", "GET /2/0/workspaces/../users/me"})
	fmt.Println(err)
	// Output:
	// rule 2, "GET /2/0/workspaces/../users/me", column 21: the segment ".." leads elsewhere; write the path that is meant
}

func ExampleParsePath() {
	for _, escaped := range []string{"/2/0/mod%65ls/", "/2/0/models/%2e%2e/users", "/2/0//models"} {
		path, err := policy.ParsePath(escaped)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(path)
	}
	// Output:
	// /2/0/models
	// segment 4 of the path, "%2e%2e", leads elsewhere; write the path that is meant
	// segment 3 of the path, "", is empty; write one slash where there are two
}
