package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

func TestParse(t *testing.T) {
	defer soon()()
	rules := []string{
		"list",
		"  list ",
		"GET /",
		"* /**",
		"GET,HEAD,POST,PUT,PATCH,DELETE /2/0/**",
		"GET /2/0/workspaces/*/models/",
		"GET /a%20b/%2A/%25zz",
		`GET /"quoted"`,
		`run process "Nightly \"load\" \\ in model" in model "Plan"`,
		`run   import 112000000001   in model 75A40874E6B64FA3AE0743278996850F in workspace "Größe"`,
		`run export 116000000001 in model "Plan" in workspace 8a81b09d5e8c6f27015ece3402487d33`,
		`run action "*" in model "**"`,
		`upload file "Sales.csv" in model "Plan"`,
		`download file 113000000001 in model "Plan"`,
		"GET " + strings.Repeat("/*", 64) + "/**",
	}
	p, err := policy.Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(rules, p.Rules()); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	defer soon()()
	tests := []struct {
		rule, want string
	}{
		// The beginning.
		{"", "column 1: the rule is empty; remove it"},
		{"   ", "column 4: the rule is empty"},
		{"lst", `column 1: "lst" has no meaning here; did you mean list?`},
		{"List", "did you mean list?"},
		{`rnu process "N" in model "P"`, "did you mean run?"},
		{`Run process "N" in model "P"`, "did you mean run?"},
		{`uplaod file "N" in model "P"`, "did you mean upload?"},
		{"listlistlistlistlistlist", `"listlistlistlistlistlist" has no meaning here; write`},
		{"list everything", `column 6: "everything" is too much here; list stands alone`},
		{"allow GET /2/0", `"allow" has no meaning here; write * alone for all methods, or GET, HEAD, POST, PUT, PATCH, DELETE, list, run, download, upload`},
		{"list\tall", "column 5: there is a control character"},
		{"list\nlist", "column 5: there is a control character"},
		{"GET /2/\xff", "column 8: there is a byte that is not UTF-8"},
		{"GET /" + strings.Repeat("a", 6000), "longer than 5120 bytes"},

		// Methods.
		{"get /2/0", `column 1: "get" has no meaning here; did you mean GET?`},
		{"GET,PSOT /2/0", `column 5: "PSOT" has no meaning here; did you mean POST?`},
		{"OPTIONS /2/0", `"OPTIONS" has no meaning here; write`},
		{"CONNECT /2/0", `"CONNECT" has no meaning here; write`},
		{"GET,* /2/0", `column 5: "*" has no meaning here; write * alone for all methods`},
		{"GET, HEAD /2/0", "column 5: there is no method at the comma; write methods as GET,HEAD without blanks"},
		{",GET /2/0", "column 1: there is no method at the comma"},
		{"GET HEAD /2/0", `column 5: "HEAD" does not begin with /; write the path as /2/0/..., without scheme and host, and methods without blanks`},
		{"/2/0/models", "column 1: the path has no methods before it; write GET"},

		// Paths, which no request could have.
		{"GET", "column 4: there is no path behind the methods"},
		{"GET 2/0/models", `column 5: "2/0/models" does not begin with /`},
		{"GET https://api.anaplan.com/2/0", "without scheme and host"},
		{"GET /2/0 /3", `column 10: "/3" is too much here; the rule ends with its path, in which a blank is written %20`},
		{"GET //2/0", `column 6: the segment "" is empty`},
		{"GET //", `the segment "" is empty`},
		{"GET /2/0//", `column 10: the segment "" is empty`},
		{"GET /2/../0", `column 8: the segment ".." leads elsewhere`},
		{"GET /2/%2e%2E/0", `column 8: the segment "%2e%2E" leads elsewhere`},
		{"GET /é/a%2fb", `column 8: the segment "a%2fb" holds the character /`},
		{"GET /2/a;b", "holds the character ;"},
		{`GET /2/a\b`, `holds the character \`},
		{"GET /2/%00", "holds a control character"},
		{"GET /2/%252f", "is encoded twice"},
		{"GET /2/%zz", "has a % without two hex digits"},
		{"GET /2/%c0%ae", "is not valid UTF-8"},
		{"GET /2/0/models?x=1", "column 10: the segment \"models?x=1\" holds the character ?"},
		{"GET /2/0/mod*", "column 10: * stands for whole segments only; write %2A for the character"},
		{"GET /2/***", "* stands for whole segments only"},
		{"GET /2/**/models", "column 8: ** stands at the end of a path only; write * for each segment that may be any"},
		{"GET /**/**", "column 6: ** stands at the end"},
		{"GET " + strings.Repeat("/*", 65), "column 5: the path has more than 64 segments, and no request's may be"},
		{"GET /" + strings.Repeat("(", 2000), "column 5: the path is longer than 4096 bytes"},

		// Verbs.
		{"run", "column 4: the rule ends too early; go on with process or import or export or action"},
		{`run proces "N" in model "P"`, `column 5: "proces" has no meaning here; did you mean process?`},
		{`run file "N" in model "P"`, `column 5: "file" has no meaning here; write process or import or export or action`},
		{`run "N" in model "P"`, "column 5: `\"N\"` has no meaning here; write process"},
		{`upload export "N" in model "P"`, `"export" has no meaning here; write file`},
		{`upload files "N" in model "P"`, "did you mean file?"},
		{"run process", "column 12: the process is missing; write its name in double quotes, or its id"},
		{`run process in model "P"`, "column 13: the process is missing"},
		{`run process Nightly in model "P"`, `column 13: "Nightly" is not an id, which is 32 hex digits or a number; write the name of the process in double quotes`},
		{`run process 'N' in model "P"`, "write the name of the process in double quotes"},
		{`run process * in model "P"`, "column 13: * stands in paths only; for every process write a rule with methods and a path"},
		{`run process "N`, "column 13: the name that begins here has no end; add a double quote"},
		{`run process "N\`, "column 13: the name that begins here has no end"},
		{`run process "N\n" in model "P"`, `column 15: a backslash stands before " or \ only; write \\ for a backslash`},
		{`run process "" in model "P"`, "column 13: the name is empty"},
		{`run process "N"in model "P"`, "column 16: there is no blank behind the name"},
		{`run process "Größe" of model "P"`, "column 21: \"of\" has no meaning here; write in model \"NAME\""},
		{`run process "N"`, "column 16: the rule ends too early; go on with in model \"NAME\""},
		{`run process "N" model "P"`, "column 17: \"model\" has no meaning here; write in model \"NAME\""},
		{`run process "N" in modle "P"`, `column 20: "modle" has no meaning here; did you mean model?`},
		{`run process "N" in workspace "F" in model "P"`, `column 20: "workspace" has no meaning here; write in model "NAME"`},
		{`run process "N" in model`, "column 25: the model is missing"},
		{`run process "N" in model Plan`, "write the name of the model in double quotes"},
		{`run process "N" in model 75A40874E6B64FA3AE0743278996850`, "is not an id, which is 32 hex digits or a number"},
		{`run process "N" in model "P" in worksapce "F"`, `did you mean workspace?`},
		{`run process "N" in model "P" and more`, `column 30: "and" has no meaning here; write in workspace "NAME", or nothing more`},
		{`run process "N" in model "P" in workspace`, "the workspace is missing"},
		{`run process "N" in model "P" in workspace "F" in workspace "G"`, `column 47: "in" is too much here; a rule has one workspace, and ends with it`},
	}
	for _, test := range tests {
		p, err := policy.Parse([]string{"list", test.rule})
		if p != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Parse(%.80q): error\n%v, want one with\n%s", test.rule, err, test.want)
		} else if !strings.HasPrefix(err.Error(), "rule 2, ") {
			t.Errorf("Parse(%.80q): error %v does not name the rule", test.rule, err)
		}
	}
}

func TestParseErrorShowsTheRule(t *testing.T) {
	_, err := policy.Parse([]string{`run proces "N" in model "P"`})
	want := "rule 1, `run proces \"N\" in model \"P\"`, column 5: \"proces\" has no meaning here; did you mean process?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"list", "GET,HEAD /2/0/*/**", `run process "a\"\\" in model 1 in workspace "b"`, "upload file 1 in model 2", `download file "x`, "* /%2A/%zz", "rn proces", "GET /a//b\x00"} {
		f.Add(seed, "/2/0/models/1/files/2/chunks/0", "GET")
	}
	f.Fuzz(func(t *testing.T, rule, escaped, method string) {
		defer soon()()
		p, err := policy.Parse([]string{rule, "list"})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "rule 1, ") {
				t.Errorf("Parse(%q): error %v", rule, err)
			}
			return
		}
		again, err := policy.Parse(p.Rules())
		if err != nil || !cmp.Equal(again.Rules(), []string{rule, "list"}) {
			t.Errorf("the rules of %q are %q, error %v", rule, again.Rules(), err)
		}
		if path, err := policy.ParsePath(escaped); err == nil {
			checkMissing(t, p, method, path)
		}
	})
}

// checkMissing adds the missing rule to a policy, which then must allow the request.
func checkMissing(t *testing.T, p *policy.Policy, method string, path policy.Path) {
	t.Helper()
	d, err := p.Decide(context.Background(), method, path, nil)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if d.Allowed || d.Missing == "" {
		return
	}
	more, err := policy.Parse(append(p.Rules(), d.Missing))
	if err != nil {
		t.Fatalf("%s %s: the missing rule %q: %v", method, path, d.Missing, err)
	}
	want := policy.Decision{Allowed: true, Rule: d.Missing}
	if got, err := more.Decide(context.Background(), method, path, nil); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%s %s with %q: got %+v, error %v", method, path, d.Missing, got, err)
	}
}
