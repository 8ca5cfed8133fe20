package policy_test

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// naiveRule is a rule, and what it allows: methods and paths, in which {W} and so on stand for
// an id that is ref's.
type naiveRule struct {
	text   string
	routes []string
	refs   map[string]naiveRef
}

// naiveRef is the id or the name that is wanted, in the list that kind says. Both empty: any.
type naiveRef struct{ id, kind, name string }

func (r naiveRef) text() string {
	if r.name != "" {
		return fmt.Sprintf("%q", r.name)
	}
	return r.id
}

// naiveRoutes are what a verb allows behind the model, written out.
var naiveRoutes = map[string][]string{
	"run": {
		"GET,HEAD /{L}/{T}", "GET,HEAD,POST /{L}/{T}/tasks", "GET,HEAD,DELETE /{L}/{T}/tasks/*", "GET,HEAD /{L}/{T}/tasks/*/dump", "GET,HEAD /{L}/{T}/tasks/*/dump/chunks",
		"GET,HEAD /{L}/{T}/tasks/*/dump/chunks/*", "GET,HEAD /{L}/{T}/tasks/*/dumps/*", "GET,HEAD /{L}/{T}/tasks/*/dumps/*/chunks", "GET,HEAD /{L}/{T}/tasks/*/dumps/*/chunks/*",
	},
	"run export": {"GET,HEAD /files/{T}", "GET,HEAD /files/{T}/chunks", "GET,HEAD /files/{T}/chunks/*"},
	"upload":     {"GET,HEAD,POST,PUT /{L}/{T}", "GET,HEAD /{L}/{T}/chunks", "PUT /{L}/{T}/chunks/*", "POST /{L}/{T}/complete"},
	"download":   {"GET,HEAD /{L}/{T}", "GET,HEAD /{L}/{T}/chunks", "GET,HEAD /{L}/{T}/chunks/*"},
	"read": {
		"GET,HEAD /{L}/{T}", "GET,HEAD,POST /{L}/{T}/readRequests", "GET,HEAD,DELETE /{L}/{T}/readRequests/*", "GET,HEAD /{L}/{T}/readRequests/*/pages/*",
	},
	"read list":  {"GET,HEAD /{L}/{T}/items", "GET,HEAD /{L}/{T}/preview"},
	"read view":  {"GET,HEAD /{L}/{T}/data", "GET,HEAD /{L}/{T}/dimensions/*/items"},
	"write list": {"GET,HEAD /{L}/{T}", "GET,HEAD,POST,PUT /{L}/{T}/items"},
}

// ofModel is what every verb allows.
const ofModel = "GET,HEAD,POST /status"

// fits compares one route, segment by segment.
func (r naiveRule) fits(route, method, path string, name func(kind, id string) string) bool {
	methods, pattern, _ := strings.Cut(route, " ")
	if methods != "*" && !slices.Contains(strings.Split(methods, ","), method) {
		return false
	}
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if want[len(want)-1] == "**" {
		want = want[:len(want)-1]
		got = got[:min(len(want), len(got))]
	}
	return slices.EqualFunc(want, got, func(want, got string) bool {
		ref, isRef := r.refs[want]
		switch {
		case isRef && ref.name != "":
			return name(ref.kind, got) == ref.name || name(ref.kind, got) == "*"
		case isRef && ref.id != "":
			return strings.EqualFold(ref.id, got)
		}
		return isRef || want == "*" || want == got || len(want) == 32 && strings.EqualFold(want, got)
	})
}

func (r naiveRule) allows(method, path string, name func(kind, id string) string) bool {
	return slices.ContainsFunc(r.routes, func(route string) bool { return r.fits(route, method, path, name) })
}

// chance draws rules and calls from few words, so that they often meet.
type chance struct{ *rand.Rand }

func pick[T any](c chance, from ...T) T { return from[c.Intn(len(from))] }

var lists = map[string]string{
	"process": "processes", "import": "imports", "export": "exports", "action": "actions", "file": "files", "list": "lists", "view": "views",
}

func (c chance) ref(kind string, ids []string, names ...string) naiveRef {
	if c.Intn(2) == 0 {
		return naiveRef{id: pick(c, ids...)}
	}
	return naiveRef{kind: kind, name: pick(c, names...)}
}

func (c chance) rule() naiveRule {
	if c.Intn(3) == 0 {
		return c.patternRule()
	}
	verb := pick(c, "run", "run", "upload", "download", "read", "write")
	word := "file"
	switch verb {
	case "run":
		word = pick(c, "process", "import", "export", "action")
	case "read":
		word = pick(c, "list", "view")
	case "write":
		word = "list"
	}
	r := naiveRule{refs: map[string]naiveRef{
		"{T}": c.ref(lists[word], []string{"1", "2"}, "one", "two"),
		"{M}": c.ref("models", []string{plan, strings.ToLower(actuals)}, "Plan", "Actuals"),
		"{W}": {},
	}}
	r.text = fmt.Sprintf("%s %s %s in model %s", verb, word, r.refs["{T}"].text(), r.refs["{M}"].text())
	below := "/2/0/workspaces/{W}/models/{M}"
	bare := "/2/0/models/{M}"
	if c.Intn(2) == 0 {
		r.refs["{W}"] = c.ref("workspaces", []string{finance, strings.ToUpper(sales)}, "Finance", "Sales")
		r.text += " in workspace " + r.refs["{W}"].text()
		if r.refs["{M}"].name != "" {
			bare = ""
		}
	}
	routes := slices.Concat(naiveRoutes[verb], naiveRoutes[verb+" "+word], []string{ofModel})
	for _, route := range routes {
		methods, rest, _ := strings.Cut(strings.ReplaceAll(route, "{L}", lists[word]), " ")
		r.routes = append(r.routes, methods+" "+below+rest)
		if bare != "" {
			r.routes = append(r.routes, methods+" "+bare+rest)
		}
	}
	return r
}

func (c chance) patternRule() naiveRule {
	_, path := c.call()
	pieces := strings.Split(path, "/")
	for i := 1; i < len(pieces); i++ {
		if c.Intn(4) == 0 {
			pieces[i] = "*"
		}
	}
	if c.Intn(4) == 0 {
		pieces = append(pieces[:1+c.Intn(len(pieces))], "**")
	}
	methods := pick(c, "*", "GET,HEAD", "POST", "PUT,PATCH,DELETE", "HEAD")
	text := methods + " " + strings.Join(pieces, "/")
	return naiveRule{text: text, routes: []string{text}}
}

func (c chance) call() (method, path string) {
	path = pick(c, "/2/0", "/2/0/workspaces/"+pick(c, finance, sales, "x"), "/2/0/workspaces/"+strings.ToUpper(finance)) +
		"/models/" + pick(c, plan, actuals, strings.ToLower(plan), "x")
	if c.Intn(20) == 0 {
		return pick(c, "GET", "HEAD", "POST", "PUT"), path + "/status"
	}
	list := pick(c, "/processes", "/imports", "/exports", "/actions", "/files", "/files", "/lists", "/views")
	below := []string{"", "/tasks", "/tasks/T", "/tasks/T/dump", "/tasks/T/dump/chunks", "/tasks/T/dump/chunks/0",
		"/tasks/T/dumps/1", "/tasks/T/dumps/1/chunks", "/tasks/T/dumps/1/chunks/0"}
	switch list {
	case "/files":
		below = []string{"", "/chunks", "/chunks/0", "/complete"}
	case "/lists", "/views":
		below = []string{"", "/items", "/preview", "/data", "/dimensions/D/items", "/readRequests", "/readRequests/R", "/readRequests/R/pages/0"}
	}
	path += list + "/" + pick(c, "1", "2", "3") + pick(c, append(below, "/x")...)
	return pick(c, "GET", "GET", "HEAD", "POST", "POST", "PUT", "PUT", "PATCH", "DELETE"), path
}

// draw returns names for all ids, by chance; "" for no name.
func (c chance) draw() *catalog {
	names := &catalog{names: map[string]string{}}
	set := func(kind string, ids []string, among ...string) {
		for _, id := range ids {
			name := pick(c, among...)
			for _, spelling := range []string{id, strings.ToUpper(id), strings.ToLower(id)} {
				names.names[kind+" "+spelling] = name
			}
		}
	}
	set("workspaces", []string{finance, sales}, "Finance", "Sales", "")
	set("models", []string{plan, actuals}, "Plan", "Actuals", "")
	for _, list := range []string{"processes", "imports", "exports", "actions", "files", "lists", "views"} {
		set(list, []string{"1", "2", "3"}, "one", "two", "")
	}
	return names
}

// verdict is what one rule says of a call: it allows it, does so without names, or could if
// they were others.
type verdict struct{ allows, plainly, could bool }

func (r naiveRule) decide(names *catalog, method, path string) verdict {
	none := func(string, string) string { return "" }
	wanted := func(string, string) string { return "*" }
	v := verdict{
		allows:  r.allows(method, path, func(kind, id string) string { return names.names[kind+" "+id] }),
		plainly: r.allows(method, path, none),
	}
	v.could = !v.plainly && r.allows(method, path, wanted)
	return v
}

// TestAgainstNaive compares Decide with trying each rule, segment by segment.
func TestAgainstNaive(t *testing.T) {
	const seeds, callsEach = 60, 60
	allowed, byName, refused := 0, 0, 0
	for seed := range int64(seeds) {
		c := chance{rand.New(rand.NewSource(seed))}
		rules := make([]naiveRule, 1+c.Intn(24))
		texts := make([]string, len(rules))
		for i := range rules {
			rules[i] = c.rule()
			texts[i] = rules[i].text
		}
		p := mustParse(t, texts...)
		for range callsEach {
			switch got := compare(t, c, p, rules); {
			case got.Unless != nil:
				refused++
			case got.Allowed && strings.Contains(got.Rule, `"`):
				byName++
			case got.Allowed:
				allowed++
			}
			if t.Failed() {
				t.Fatalf("seed %d, rules:\n%s", seed, strings.Join(texts, "\n"))
			}
		}
	}
	if least := seeds * callsEach / 100; allowed < least || byName < least || refused < least {
		t.Errorf("the drawn calls tell little: %d allowed, %d by name, %d refused for a name", allowed, byName, refused)
	}
}

// compare decides one call in both ways.
func compare(t *testing.T, c chance, p *policy.Policy, rules []naiveRule) policy.Decision {
	t.Helper()
	names := c.draw()
	method, path := c.call()
	var plain, named string
	var couldBe int
	for _, r := range slices.Backward(rules) {
		switch v := r.decide(names, method, path); {
		case v.plainly:
			plain = r.text
		case v.allows:
			named = r.text
			couldBe++
		case v.could:
			couldBe++
		}
	}
	got, err := p.Decide(context.Background(), method, mustPath(t, path), names)
	if err != nil || got.Allowed != (plain != "" || named != "") || plain != "" && got.Rule != plain {
		t.Errorf("%s %s: got %+v, error %v, want rule %q or %q", method, path, got, err, plain, named)
	}
	if i := slices.IndexFunc(rules, func(r naiveRule) bool { return r.text == got.Rule }); got.Allowed {
		if !rules[i].decide(names, method, path).allows {
			t.Errorf("%s %s: %q does not allow it", method, path, got.Rule)
		}
	} else if (len(got.Unless) > 0) != (couldBe > 0) || len(got.Unless) > couldBe {
		t.Errorf("%s %s: unless %q, and %d rules could", method, path, got.Unless, couldBe)
	}
	checkAsked(t, names, plain != "" || couldBe == 0)
	if c.Intn(10) == 0 {
		checkMissing(t, p, method, mustPath(t, path))
	}
	return got
}

// checkAsked refuses questions asked twice, or for nothing.
func checkAsked(t *testing.T, names *catalog, needless bool) {
	t.Helper()
	once := slices.Compact(slices.Sorted(slices.Values(names.asked)))
	if len(once) != len(names.asked) || needless && len(names.asked) > 0 {
		t.Errorf("asked for %q, needless is %v", names.asked, needless)
	}
}
