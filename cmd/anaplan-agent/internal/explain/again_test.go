package explain

import "testing"

// A hint does not name the command that was just run, unless with more to it.
func TestAfter(t *testing.T) {
	for _, row := range []struct{ command, profile, hint, want string }{
		{"status", "", "try again; anaplan-agent status tells whether it runs", "try again; the same command again tells whether it runs"},
		{"login", "", "once that is put right: anaplan-agent login", "once that is put right: the same command again"},
		{"login", "prod", "to try now: anaplan-agent login --profile prod", "to try now: the same command again"},
		{"login", "", "to try now: anaplan-agent login --profile prod", "to try now: anaplan-agent login --profile prod"},
		{"unlock", "", "anaplan-agent unlock; to send it again: anaplan-agent unlock --pin-changed", "the same command again; to send it again: anaplan-agent unlock --pin-changed"},
		{"unlock", "", "ask root to call: anaplan-agent unlock", "ask root to call: anaplan-agent unlock"},
		{"keys", "", "anaplan-agent keys --key piv: lists the YubiKeys", "anaplan-agent keys --key piv: lists the YubiKeys"},
		{"log", "", "anaplan-agent login", "anaplan-agent login"},
	} {
		got := Explanation{Hints: []string{row.hint}}.After(row.command, row.profile).Hints[0]
		if got != row.want {
			t.Errorf("after %q: got %q, want %q", row.command, got, row.want)
		}
	}
}
