package lookalike_test

import (
	"slices"
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
	// What people can tell apart, and what only policies must.
	for _, name := range []string{"Apfel", "\u00e4pfel", "\u00c4 pfel", "", "\ufeff" + composed, "\u00c4\u0440fel"} {
		if lookalike.Key(name) == composed || lookalike.Any(name) == lookalike.Any(composed) {
			t.Errorf("%q means the same as %q", name, composed)
		}
	}
}

func TestQuote(t *testing.T) {
	if a, b := lookalike.Quote(composed), lookalike.Quote(decomposed); a != `"\u00c4pfel"` || b != `"A\u0308pfel"` {
		t.Error(a, b)
	}
}

func TestAlike(t *testing.T) {
	const name = "Nightly load"
	for _, other := range []string{"Nightly\u00a0load", "\ufeffNightly load", "Nightly  load ", "Night\u200bly load", "N\u0456ghtly lo\u0430d", "Nightly\u3000load", "Nightly\tload"} {
		if !lookalike.Alike(name, other) || !lookalike.Deceives(other) {
			t.Errorf("%+q: %v %v", other, lookalike.Alike(name, other), lookalike.Deceives(other))
		}
	}
	if !lookalike.Alike(name, "\uff2eightly load") {
		t.Error("width is seen")
	}
	if !lookalike.Alike("COPE", "\u0421\u041e\u0420\u0415") || !lookalike.Alike(composed, decomposed) {
		t.Error("a word of another script does not look like it")
	}
	for _, other := range []string{name, "nightly load", "Nightlyload", "Nightly-load", ""} {
		if lookalike.Alike(name, other) {
			t.Errorf("%q looks like it", other)
		}
	}
	for _, honest := range []string{name, composed, "", "Ночная загрузка", "Sales (α)", "夜間 ロード", "ΔSales", "Übersicht 2026 – Q1"} {
		if lookalike.Deceives(honest) {
			t.Errorf("%q is said to deceive", honest)
		}
	}
}

func TestShown(t *testing.T) {
	got := lookalike.Shown([]string{"Sales", "Sales ", "S\u0430les", composed, "COPE", "\u0421\u041e\u0420\u0415", "Sales"})
	want := []string{`"Sales"`, `"Sales "`, `"S\u0430les"`, composed, `"COPE"`, `"\u0421\u041e\u0420\u0415"`, `"Sales"`}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
