package signer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logged returns the attribute of each line that a child's text becomes.
func logged(t *testing.T, text, pin string) (lines []string, dropped int) {
	t.Helper()
	var log bytes.Buffer
	r := new(remarks)
	for i := 0; i < len(text); i += 1000 {
		fmt.Fprint(r, text[i:min(i+1000, len(text))])
	}
	r.log(slog.New(slog.NewJSONHandler(&log, nil)), slog.LevelWarn, []byte(pin))
	if len(bytes.Trim(r.text, "\x00")) > 0 {
		t.Error("what the child said, the PIN maybe, is kept after it was logged")
	}
	for decoder := json.NewDecoder(&log); decoder.More(); {
		var record struct {
			Line    *string
			Dropped int `json:"dropped_bytes"`
		}
		if err := decoder.Decode(&record); err != nil {
			t.Fatal(err)
		}
		if dropped += record.Dropped; record.Line != nil {
			lines = append(lines, *record.Line)
		}
	}
	return lines, dropped
}

func TestRemarks(t *testing.T) {
	line := strings.Repeat("x", 1023) + "\n"
	kept := strings.Split(strings.TrimSpace(strings.Repeat(line, 16)), "\n")
	tests := []struct {
		name, text, pin string
		want            []string
		dropped         int
	}{
		{"nothing", "", "1234", nil, 0},
		{"lines", "one\r\n\ntwo", "", []string{"one", "", "two"}, 0},
		{"a PIN", "C_Login 1234\nC_Login(1234) = 0\n", "1234", []string{"C_Login [redacted]", "C_Login([redacted]) = 0"}, 0},
		{"as much as is kept", strings.Repeat(line, 16), "", kept, 0},
		{"a byte more", strings.Repeat(line, 16) + "y", "", kept, 1},
		{"a line over the edge", strings.Repeat(line, 15) + "y" + line, "", kept[:15], 1025},
		{"one endless line", strings.Repeat("x", 1<<20), "", nil, 1 << 20},
		{"a PIN over the edge", strings.Repeat(line, 15) + strings.Repeat("y", 1020) + "12345678", "12345678", kept[:15], 1028},
	}
	for _, test := range tests {
		got, dropped := logged(t, test.text, test.pin)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.name, diff)
		}
		if dropped != test.dropped {
			t.Errorf("%s: %d bytes dropped, want %d", test.name, dropped, test.dropped)
		}
	}
}
