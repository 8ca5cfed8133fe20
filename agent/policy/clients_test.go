package policy_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/pelletier/go-toml/v2"
)

// recording is what a client was seen to call, and where the policy is that must allow it.
type recording struct {
	name, page, client string
	calls              []string // "GET /2/0/models"
}

// recordings are those of all clients. record.py in testdata/clients makes them.
func recordings(t *testing.T) (all []recording) {
	t.Helper()
	files, err := filepath.Glob("testdata/clients/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no recordings: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := recording{name: filepath.Base(file)}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if page, ok := strings.CutPrefix(line, "# page "); ok {
				r.page, r.client, _ = strings.Cut(page, " client.")
			} else if !strings.HasPrefix(line, "#") {
				r.calls = append(r.calls, line)
			}
		}
		all = append(all, r)
	}
	return all
}

var tomlBlock = regexp.MustCompile("(?ms)^ *```toml\n(.*?)^ *```")

// documented returns the policy of a client as a page of the documentation has it.
func documented(t *testing.T, page, client string) *policy.Policy {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range tomlBlock.FindAllSubmatch(text, -1) {
		var file struct {
			Client map[string]struct{ Policy []string }
		}
		if err := toml.Unmarshal(block[1], &file); err != nil {
			t.Fatalf("%s: %v", page, err)
		}
		if found, ok := file.Client[client]; ok {
			return mustParse(t, found.Policy...)
		}
	}
	t.Fatalf("%s has no [client.%s]", page, client)
	return nil
}

// emulated are the names of the emulator's tenant, against which the recordings were made.
type emulated struct{}

func (emulated) Name(_ context.Context, kind, _, _, id string) (string, error) {
	return map[string]string{
		"workspaces 8a8196b15b7dbae6015b8694411d13fe": "Finance", "models 6D203BA7549241C7BEE26C93DE987F12": "Plan",
		"files 113000000001": "Sales.csv", "files 116000000001": "Report.csv", "exports 116000000001": "Report.csv",
		"imports 112000000001": "Sales from Sales.csv", "processes 118000000001": "Nightly load",
		"actions 117000000001": "Delete old sales", "lists 101000000001": "Products", "views 102000000001": "Sales",
	}[kind+" "+id], nil
}

// Every call that a client makes in the job of its page is allowed by the policy of that page: a
// rule that lacks one call of a real client fails that client's job.
func TestClientsPolicies(t *testing.T) {
	for _, r := range recordings(t) {
		p := documented(t, r.page, r.client)
		for _, call := range r.calls {
			method, raw, _ := strings.Cut(call, " ")
			path, err := policy.ParsePath(raw)
			if err != nil {
				t.Errorf("%s: %s: %v", r.name, call, err)
				continue
			}
			if !policy.IsAnaplan(path.String()) {
				continue // logins, which the agent answers itself
			}
			got, err := p.Decide(t.Context(), method, path, emulated{})
			if err != nil || !got.Allowed {
				t.Errorf("%s: the policy of %s in %s does not allow %s: %v %q", r.name, r.client, r.page, call, err, got.Hints())
			}
		}
	}
}
