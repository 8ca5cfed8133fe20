package console

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

func TestMessenger(t *testing.T) {
	var out strings.Builder
	say := &Messenger{Out: &out}
	say.Note("made %s", "a key")
	say.Warn("100%%")
	say.Failure(explain.Explanation{Text: "it failed: 50%", Hints: []string{"do this", "or that"}})
	want := `anaplan-agent: note: made a key
anaplan-agent: warning: 100%
anaplan-agent: error: it failed: 50%
anaplan-agent: hint: do this
anaplan-agent: hint: or that
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
