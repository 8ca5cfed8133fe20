package printable_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		" plain  text":                           "plain text",
		"tab\tbell\a bidi\u202e zero\u200bwidth": "tab bell bidi zero width",
		"two\r\nlines\u2028three":                "two lines three",
		"\x1b[31mred\x9b":                        "[31mred\ufffd",
		"Zürich £":                               "Zürich £",
	} {
		if got := printable.Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for text, want := range map[string]string{"": "", "ééé": "ééé", "éééé": "ééé…"} {
		if got := printable.Cut(text, 3); got != want {
			t.Errorf("Cut(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x00b\u202e\nc")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable.Line(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Line(%q) = %q", text, got)
		}
		if again := printable.Line(got); again != got {
			t.Errorf("of %q: once %q, twice %q", text, got, again)
		}
	})
}
