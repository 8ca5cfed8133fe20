package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// link is a link of a page to a file of the project, with or without a heading of it.
var link = regexp.MustCompile(`\]\(([^)#: ]*)(?:#([^) ]*))?\)`)

// TestLinks: each link of a page leads to a file that is there, and to a heading that it has.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("../../*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(more) < 10 {
		t.Fatalf("%d pages in docs, %v", len(more), err)
	}
	for _, page := range append(pages, more...) {
		for _, found := range link.FindAllStringSubmatch(read(t, page), -1) {
			target := page
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(page), found[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s", page, err)
			} else if found[2] != "" && !hasHeading(read(t, target), found[2]) {
				t.Errorf("%s: %s has no heading #%s", page, target, found[2])
			}
		}
	}
}

// read returns the text of a page.
func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// hasHeading reports whether a page has a heading of that anchor, which forges make of the
// heading's words.
func hasHeading(page, anchor string) bool {
	for line := range strings.Lines(page) {
		if words := strings.TrimLeft(line, "#"); words != line && anchorOf(strings.TrimSpace(words)) == anchor {
			return true
		}
	}
	return false
}

// anchorOf returns the anchor of a heading.
func anchorOf(words string) string {
	var anchor strings.Builder
	for _, r := range strings.ToLower(words) {
		switch {
		case r == ' ':
			anchor.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			anchor.WriteRune(r)
		}
	}
	return anchor.String()
}
