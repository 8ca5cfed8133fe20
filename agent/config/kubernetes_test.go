package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestKubernetesExamples: the configurations in docs/kubernetes are read without a mistake, and edges go
// to the members that there are.
func TestKubernetesExamples(t *testing.T) {
	var members, used []string
	for name, text := range examples(t) {
		file, err := Parse(name, []byte(text))
		if err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		agent, err := file.Agent(nil)
		if err != nil {
			t.Error(err)
			continue
		}
		var profiles []*Profile
		for _, profile := range file.Profiles() {
			read, err := file.Profile(profile, nil)
			if err != nil {
				t.Fatal(err)
			}
			profiles = append(profiles, read)
			for _, member := range read.Members() {
				used = append(used, member.Address())
			}
		}
		if err := file.Fleet().Check(agent, profiles); err != nil {
			t.Error(err)
		}
		if fleet := file.Fleet(); fleet != nil {
			members = fleet.Members
		}
	}
	if len(members) != 3 || !slices.Equal(used, members) {
		t.Errorf("the members are %q, and edges go to %q", members, used)
	}
}

// examples returns the configurations in the ConfigMaps, by their files.
func examples(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(page), "\n  config.toml: |\n")
		if !found {
			continue
		}
		text, _, _ := strings.Cut(rest, "\n---\n")
		all[name] = strings.ReplaceAll(text, "MEMBER", "anaplan-agent-0")
	}
	if len(all) < 3 {
		t.Fatalf("only %d examples have a configuration", len(all))
	}
	return all
}
