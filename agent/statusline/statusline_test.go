package statusline

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever is in a problem, its phrase stays on its line, and bounded.
func FuzzPhrase(f *testing.F) {
	for _, seed := range []string{"", "no rule", "a\r\nSet-Cookie: x", "\x00\x7f\u2028", "Prüfung", strings.Repeat("ü", 2000), "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := phrase(text)
		if strings.ContainsAny(got, "\r\n\x00\x7f") || len(got) > 1100 || utf8.ValidString(text) && !utf8.ValidString(got) {
			t.Errorf("%q", got)
		}
		answer := "HTTP/1.1 403 " + got + "\r\nContent-Length: 0\r\n\r\n"
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
		if err != nil || response.StatusCode != 403 || len(response.Header) != 1 {
			t.Errorf("%q is read as %v, error %v", answer, response, err)
		}
	})
}
