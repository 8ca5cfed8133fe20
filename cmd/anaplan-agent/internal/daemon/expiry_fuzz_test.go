//go:build unix

package daemon

import (
	"encoding/json"
	"testing"
	"time"
)

// FuzzExpiryNote: a note that is read is of a day on which something is told, and keeps nothing back
// that is worse.
func FuzzExpiryNote(f *testing.F) {
	for _, seed := range []string{
		`{"profile":"default","certificate":"00","not_after":"2026-01-02T03:04:05Z","days":7,"time":"2026-01-02T03:04:05Z"}`,
		`{"days":-1}`, `{"days":30}`, `{"days":1e3}`, "null", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		note, ok := parseExpiryNote(data)
		if !ok {
			if note != (expiryNote{}) {
				t.Errorf("something is left of what is not a note: %+v", note)
			}
			return
		}
		if days := expiryThreshold(time.Duration(note.Days)*24*time.Hour - time.Second); days != note.Days {
			t.Errorf("%d days are told of at %d", note.Days, days)
		}
		text, err := json.Marshal(note)
		again, ok := parseExpiryNote(text)
		if err != nil || !ok || again != note && !again.Time.Equal(note.Time) {
			t.Errorf("%+v has become %+v, %v", note, again, err)
		}
	})
}
