package shell_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
)

func TestJoin(t *testing.T) {
	got := shell.Join("run", "--key=a/b", "Nightly load", "it's", "", "$HOME", "a\nb", "ü")
	want := `run --key=a/b 'Nightly load' 'it'\''s' '' '$HOME' ` + "'a\nb' 'ü'"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{"": "''", "a": "'a'", "'": `''\'''`} {
		if got := shell.Quote(word); got != want {
			t.Errorf("Quote(%q) = %s, want %s", word, got, want)
		}
	}
}
