package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	errorsPage  = "../../docs/errors.md"
	tableBegins = "<!-- make errors prints this from the table of errors -->\n"
	tableEnds   = "<!-- to here -->\n"
)

// TestErrorsPage: the page's table of errors is the program's own. With
// ANAPLAN_AGENT_ERRORS=write it is printed there.
func TestErrorsPage(t *testing.T) {
	text, err := os.ReadFile(errorsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	got, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("docs/errors.md lacks %q or %q", tableBegins, tableEnds)
	}
	want := explanations().Page()
	if os.Getenv("ANAPLAN_AGENT_ERRORS") == "write" {
		if err := os.WriteFile(errorsPage, []byte(before+tableBegins+want+tableEnds+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/errors.md has another table; make errors prints it (-want +got):\n%s", diff)
	}
}
