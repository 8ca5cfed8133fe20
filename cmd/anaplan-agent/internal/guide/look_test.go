package guide

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// A card that keys cannot be made on is not offered, and said to be so.
func TestPlainCardIsNotOffered(t *testing.T) {
	const entry = `{"address": "piv:", "name": "PIV card", "reader": "R", "firmware": "", "keys": []}`
	found, problem := readCardEntry([]byte(entry), pivuri.URI{})
	if found.text != "" || problem != "PIV card in reader R: keys and certificates are not put on it from here" {
		t.Errorf("%+v, %q", found, problem)
	}
}
