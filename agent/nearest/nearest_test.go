package nearest_test

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/nearest"
)

func TestWord(t *testing.T) {
	words := []string{"run", "POST", "PUT", "key", "pin", "timeout", "region", "workspace"}
	for text, want := range map[string]string{
		"timout": "timeout", "regoin": "region", "keys": "key", "rnu": "run", "Run": "run", "psot": "POST", "worksapce": "workspace",
		"cert": "", "jsn": "", "kye": "key", "": "", "workshops": "", "timeout" + strings.Repeat("t", 40): "",
	} {
		if got := nearest.Word(text, words); got != want {
			t.Errorf("Word(%q) = %q, want %q", text, got, want)
		}
	}
}
