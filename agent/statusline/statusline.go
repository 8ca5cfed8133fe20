// Package statusline puts what to do about a refusal into the status line of an answer in HTTP/1.1.
//
// Anaplan Connect shows the reason phrase of a refusal and nothing else: neither its body, but for
// 400, nor a header (AnaplanErrorDecoder.java of 4.1: new AnaplanAPIException(response.reason())). So
// the phrase says what to do. net/http writes the standard one for each status and has no way to
// another; taking the connection over from it (Hijacker) would end each connection with its first
// refusal, and lose the answer where a body is still coming. So the connection, which passes on all
// that net/http writes, writes the phrase in its place.
package statusline

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// mostReason bounds a phrase. Clients take lines of some 8 kB at least.
const mostReason = 1000

// Reason is the phrase for a problem: first what helps, for the rest may be cut.
func Reason(status int, problem *agent.Problem) string {
	parts := append([]string{http.StatusText(status)}, problem.Hints...)
	return phrase(strings.Join(append(parts, problem.Message), "; "))
}

// phrase makes of a text what can stand in a status line (RFC 9112 section 4), on one line.
func phrase(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	if len(text) > mostReason {
		text = strings.ToValidUTF8(text[:mostReason], "") + "..."
	}
	return text
}

// Reword returns what is written with another reason phrase, if it begins with a status line; else as
// it is. Python before 3.12 asks a proxy by HTTP/1.0, and is answered so.
func Reword(p []byte, status int, reason string) ([]byte, bool) {
	for _, version := range []string{"HTTP/1.1 ", "HTTP/1.0 "} {
		line := version + strconv.Itoa(status) + " "
		if rest, ok := bytes.CutPrefix(p, []byte(line+http.StatusText(status)+"\r\n")); ok {
			return append([]byte(line+reason+"\r\n"), rest...), true
		}
	}
	return p, false
}
