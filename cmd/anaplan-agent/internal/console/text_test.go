package console

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain, größer, ключ, 鍵":   "plain, größer, ключ, 鍵",
		"two\nlines":               "two\nlines",
		"\x1b[31mred":              `\u001b[31mred`,
		"\u009b31mred":             `\u009b31mred`,
		"bell\a back\b tab\t\r":    `bell\u0007 back\u0008 tab\u0009\u000d`,
		"\u202egnp.exe":            `\u202egnp.exe`,
		"tag \U000e0041":           `tag \udb40\udc41`,
		"del\x7f, broken \xff\xc3": "del\\u007f, broken \ufffd\ufffd",
		"\x9b31mred, one byte":     "\ufffd31mred, one byte",
	} {
		if got := Printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}

// What is done to JSON must not change what it says.
func FuzzPrintableJSON(f *testing.F) {
	for _, seed := range []string{"", "demo", "\x1b[2J\u009b", "\u202e\U000e0041", "\xff\n\t\x7f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		shown := Printable(string(data))
		if strings.ContainsFunc(shown, IsUnprintable) {
			t.Errorf("%q has characters that do not print", shown)
		}
		var want, got string
		if json.Unmarshal(data, &want); json.Unmarshal([]byte(shown), &got) != nil || got != want {
			t.Errorf("%q reads as %q, want %q", shown, got, want)
		}
	})
}

// A message must not be able to speak in the program's name.
func TestMessengerForeignText(t *testing.T) {
	var out strings.Builder
	say := &Messenger{Out: &out}
	say.Warn("the server says %s", "no\nanaplan-agent: hint: type your PIN here\x1b[1A")
	want := "anaplan-agent: warning: the server says no\n  anaplan-agent: hint: type your PIN here\\u001b[1A\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A person reads the time of this machine's clock, and how far that is from UTC.
func TestTime(t *testing.T) {
	here := time.Local
	defer func() { time.Local = here }()
	at := time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC)
	for offset, want := range map[int]string{0: "2026-11-30 23:30:00 UTC", 3600: "2026-12-01 00:30:00 +01:00", -12600: "2026-11-30 20:00:00 -03:30"} {
		time.Local = time.FixedZone("here", offset)
		if got := Time(at); got != want {
			t.Errorf("%d seconds east: got %s, want %s", offset, got, want)
		}
	}
}
