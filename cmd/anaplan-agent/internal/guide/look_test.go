package guide

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// A card that keys cannot be made on is not offered for a new one, but for those that it has.
func TestReadOnlyCard(t *testing.T) {
	for keys, want := range map[string]bool{``: false, `{"slot": "9c"}`: true} {
		entry := `{"address": "piv:", "name": "PIV card", "reader": "R", "firmware": "", "read_only": "why", "keys": [` + keys + `]}`
		found, problem := readCardEntry([]byte(entry), pivuri.URI{})
		if problem != "" || found.text != `PIV card, in reader "R"` || found.makesKeys() || found.hasOnlyKeys() != want {
			t.Errorf("%+v, %q", found, problem)
		}
	}
}
