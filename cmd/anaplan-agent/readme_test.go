package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	readmePath  = "../../README.md"
	tableBegins = "<!-- make readme prints this from the table of errors -->\n"
	tableEnds   = "<!-- to here -->\n"
)

// TestReadmeTroubleshooting: README's table of errors is the program's own. With
// ANAPLAN_AGENT_README=write it is printed there.
func TestReadmeTroubleshooting(t *testing.T) {
	text, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("README lacks %q or %q", tableBegins, tableEnds)
	}
	want := explanations().Page()
	if os.Getenv("ANAPLAN_AGENT_README") == "write" {
		if err := os.WriteFile(readmePath, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("README has another table; make readme prints it (-want +got):\n%s", diff)
	}
}
