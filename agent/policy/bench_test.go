package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

const benchRules = 200

// rulesOf makes as many rules as the benchmarks have.
func rulesOf(rule func(i int) string) []string {
	rules := make([]string, benchRules)
	for i := range rules {
		rules[i] = rule(i)
	}
	return rules
}

func ids(i int) string {
	return fmt.Sprintf("run process %d in model %032X in workspace %s", 118000000000+i, i%20, finance)
}

func paths(i int) string {
	return fmt.Sprintf("GET,POST /2/0/workspaces/*/models/%032X/imports/%d/tasks/**", i%20, 112000000000+i)
}

func named(i int) string {
	return fmt.Sprintf(`run process "Load %d" in model "Model %d" in workspace "Finance"`, i, i%20)
}

func mixed(i int) string {
	return []func(int) string{ids, paths, named}[i%3](i)
}

// stars makes patterns that share as little as they can: every choice of * for seven
// segments is a rule, so that the path can be followed in all ways to near its end.
func stars(i int) string {
	var path strings.Builder
	for bit := range 7 {
		path.WriteString([]string{"/a", "/*"}[i>>bit&1])
	}
	return "GET " + path.String() + fmt.Sprintf("/%d/x", i)
}

// fixedNames answers from memory, as the catalog does for what it knows.
type fixedNames map[string]string

func (f fixedNames) Name(_ context.Context, _, _, _, id string) (string, error) { return f[id], nil }

func benchNames() fixedNames {
	names := fixedNames{finance: "Finance"}
	for i := range benchRules {
		names[fmt.Sprintf("%032X", i%20)] = fmt.Sprintf("Model %d", i%20)
		names[fmt.Sprint(118000000000+i)] = fmt.Sprintf("Load %d", i)
	}
	return names
}

type benchmark struct {
	name         string
	rules        []string
	method, path string
	allowed      bool
}

func benchmarks() []benchmark {
	process := fmt.Sprintf("/2/0/workspaces/%s/models/%032X/processes/118000000199/tasks/T/dumps/1/chunks/0", finance, 19)
	other := strings.Replace(process, "118000000199", "118000000198", 1)
	imports := fmt.Sprintf("/2/0/workspaces/%s/models/%032X/imports/112000000199/tasks/T/dump/chunks/0", finance, 19)
	deep := strings.Repeat("/a", 7) + "/y/x"
	return []benchmark{
		{"ids", rulesOf(ids), "GET", process, true},
		{"ids-refused", rulesOf(ids), "GET", other, false},
		{"paths", rulesOf(paths), "GET", imports, true},
		{"paths-refused", rulesOf(paths), "PUT", imports, false},
		{"names", rulesOf(named), "GET", process, true},
		{"names-refused", rulesOf(named), "GET", other, false},
		{"mixed", rulesOf(mixed), "GET", imports, true},
		{"stars-refused", rulesOf(stars), "GET", deep, false},
	}
}

func BenchmarkDecide(b *testing.B) {
	names := benchNames()
	for _, bench := range benchmarks() {
		b.Run(bench.name, func(b *testing.B) {
			p, path := mustParse(b, bench.rules...), mustPath(b, bench.path)
			b.ReportAllocs()
			for b.Loop() {
				if d, err := p.Decide(b.Context(), bench.method, path, names); err != nil || d.Allowed != bench.allowed {
					b.Fatalf("got %+v, error %v", d, err)
				}
			}
		})
	}
}

func BenchmarkParsePath(b *testing.B) {
	path := benchmarks()[0].path
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.ParsePath(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	rules := rulesOf(mixed)
	b.ReportAllocs()
	for b.Loop() {
		mustParse(b, rules...)
	}
}

// What needs no name makes no garbage: it is decided for each call of each script.
func TestDecideDoesNotAllocate(t *testing.T) {
	for _, bench := range benchmarks() {
		if !bench.allowed || strings.Contains(bench.name, "names") {
			continue
		}
		p, path := mustParse(t, bench.rules...), mustPath(t, bench.path)
		got := testing.AllocsPerRun(100, func() { p.Decide(t.Context(), bench.method, path, nil) })
		if got != 0 {
			t.Errorf("%s: %v allocations, want none", bench.name, got)
		}
	}
}
