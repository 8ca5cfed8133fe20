package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// TestThreatModel: the tests that docs/security.md names are there.
func TestThreatModel(t *testing.T) {
	rows := threatModel(t)
	if len(rows) < 20 {
		t.Fatalf("the table has %d lines", len(rows))
	}
	for _, row := range rows {
		cells := strings.Split(row, " | ")
		names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 4 || len(names) == 0 {
			t.Errorf("no test is named in %s", row)
		}
		for _, name := range names {
			if !isTest(t, name[1]) {
				t.Errorf("there is no test %s", name[1])
			}
		}
	}
}

// threatModel returns the lines of the table.
func threatModel(t *testing.T) (rows []string) {
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## The threat model\n")
	_, table, _ := strings.Cut(section, "\n|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	return strings.Split(table, "\n")
}

// isTest reports whether there is such a script, target of make, or test of a package.
func isTest(t *testing.T, name string) bool {
	if strings.HasSuffix(name, ".txtar") {
		return console.Exists("testdata/script/" + name)
	}
	if target, ok := strings.CutPrefix(name, "make "); ok {
		return fileHolds(t, "../../Makefile", "\n"+target+":")
	}
	dir, test, _ := strings.Cut(name, ".")
	return fileHolds(t, "../../"+dir+"/*_test.go", "\nfunc "+test+"(")
}

// fileHolds reports whether one of the files holds a text.
func fileHolds(t *testing.T, pattern, text string) bool {
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), text) {
			return true
		}
	}
	return false
}
