package daemon

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// TestJournal: each line begins with its level in syslog's numbers, in both formats.
func TestJournal(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out strings.Builder
		log := slog.New(newJournalHandler(&out, &config.Agent{LogLevel: slog.LevelInfo, LogJSON: asJSON})).With("profile", "default").WithGroup("g")
		log.Debug("not this")
		log.Info("one")
		log.Warn("two\n<0>lines")
		log.Error("three", "k", "v")
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines: %s", len(lines), out.String())
		}
		for i, priority := range []string{"<6>", "<4>", "<3>"} {
			rest, begins := strings.CutPrefix(lines[i], priority)
			if !begins || !strings.Contains(rest, "default") {
				t.Errorf("line %q, want %s", lines[i], priority)
			}
			var object map[string]any
			if err := json.Unmarshal([]byte(rest), &object); (err == nil) != asJSON {
				t.Errorf("%q: %v", rest, err)
			}
		}
	}
}
