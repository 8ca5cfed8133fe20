package shell

import "testing"

func TestPowerShell(t *testing.T) {
	for text, want := range map[string]string{
		"":            "''",
		"AAA+/=.":     "'AAA+/=.'",
		"$a`b\"; del": "'$a`b\"; del'",
		"it's":        "'it''s'",
		"’; del;":     "[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('4oCZOyBkZWw7'))", // a typographic quote ends a text
		"a\nb":        "[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('YQpi'))",
	} {
		if got := PowerShell(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}
