// Package printable makes text that others wrote fit for people and logs: what services, CAs and callers
// send must not steer a terminal or pass for a line of our own. It knows no secrets; who may be sent
// some takes them out as well.
package printable

import (
	"strings"
	"unicode"
)

// Line returns text as one line: no control or invisible characters, which become blanks, and no more
// than one blank in a row.
func Line(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)), " ")
}

// Cut returns text with at most so many characters, and an ellipsis if there were more.
func Cut(text string, most int) string {
	if all := []rune(text); len(all) > most {
		return string(all[:most]) + "…"
	}
	return text
}
