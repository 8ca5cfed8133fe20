package lookalike_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
)

const (
	composed   = "\u00c4pfel"
	decomposed = "A\u0308pfel"
)

func TestKey(t *testing.T) {
	for _, name := range []string{composed, decomposed, " " + composed, decomposed + " ", "\u00a0" + composed + "\t"} {
		if got := lookalike.Key(name); got != composed {
			t.Errorf("Key(%+q) = %+q", name, got)
		}
	}
	for _, name := range []string{"Apfel", "\u00e4pfel", "\u00c4 pfel", ""} { // what people can tell apart
		if lookalike.Key(name) == composed || lookalike.Any(name) == lookalike.Any(composed) {
			t.Errorf("%q looks like %q", name, composed)
		}
	}
}

func TestQuote(t *testing.T) {
	if a, b := lookalike.Quote(composed), lookalike.Quote(decomposed); a != `"\u00c4pfel"` || b != `"A\u0308pfel"` {
		t.Error(a, b)
	}
}

func TestDiffer(t *testing.T) {
	if !lookalike.Differ([]string{"x", composed, decomposed}) || lookalike.Differ([]string{"x", composed, composed, "X"}) {
		t.Error("which names look alike is not told")
	}
}
