package console

import (
	"regexp"
	"testing"
)

// Only the word at its place is coloured, and never what others have written elsewhere in a line.
func TestColoured(t *testing.T) {
	mark := Mark{regexp.MustCompile(`^  (ok|error) `), map[string]Colour{"ok": Green, "error": Red}}
	got := mark.coloured("Head\n  ok       x: an error \n  error    y\n  note     z\nlast  ok ")
	want := "Head\n  \x1b[32mok\x1b[0m       x: an error \n  \x1b[31merror\x1b[0m    y\n  note     z\nlast  ok "
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
