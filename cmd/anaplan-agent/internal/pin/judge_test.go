package pin

import (
	"errors"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	for text, want := range map[string]string{
		"1234": "1234", "1234\n": "1234", "1234\r\n": "1234", "12 34": "12 34", "p@ss wörd": "p@ss wörd", "w\xf6rd": "w\xf6rd", "1234\n\n": "1234",
	} {
		if got, err := Judge([]byte(text), "file:pin"); err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                               "is empty",
		"\r\n":                           "is empty",
		"\xef\xbb\xbf4711\n":             "byte order mark",
		"\xff\xfe4\x007\x00":             "byte order mark",
		"\xfe\xff\x004\x007":             "byte order mark",
		"4\x007\x001\x001\x00":           "NUL",
		"4711\x00":                       "NUL",
		"4711\nsecond\n":                 "more than one line",
		"4711\rsecond":                   "more than one line",
		"4711 ":                          "blank",
		"4711\u00a0":                     "blank",
		"4711\u200b":                     "blank",
		" 4711":                          "blank",
		"4711\t":                         "control character",
		"\x1b[D4711":                     "control character",
		"Enter PIN:\n4711\n":             "more than one line",
		"4711\r\n# the PIN of the HSM\n": "more than one line",
	} {
		got, err := Judge([]byte(text), "file:pin")
		mistake, ok := errors.AsType[*MistakeError](err)
		if got != nil || !ok || !errors.Is(err, ErrNotAPIN) || !strings.Contains(err.Error(), want) || mistake.Do == "" || strings.Contains(err.Error(), "4711") {
			t.Errorf("%q: got %q, %v; want an error that says %q", text, got, err, want)
		}
	}
}
