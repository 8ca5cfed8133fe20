package certfile

// What is done to a file on its way through forms, mails, variables and word processors, undone.

import (
	"html"
	"io"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// pasted returns a text without what was put into and around its lines on the way. None of it occurs
// in PEM or base64, so nothing of the file itself is lost; but the text around may be, so it is done
// only to what cannot be read as it is.
func pasted(text string) string {
	if strings.Contains(text, "BEGIN%20") || strings.Contains(text, "BEGIN+") {
		if decoded, err := url.QueryUnescape(plusesKept(text)); err == nil {
			text = decoded
		}
	}
	if strings.Contains(text, "=3D") { // of mails (RFC 2045 section 6.7)
		if decoded, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(text))); err == nil {
			text = string(decoded)
		}
	}
	text = escapes().Replace(text)
	text = html.UnescapeString(patterns().tag.ReplaceAllString(text, "\n"))
	text = marks().Replace(text)
	if strings.ContainsFunc(text, func(r rune) bool { return r != '-' && strings.ContainsRune(dashes, r) }) {
		text = patterns().armour.ReplaceAllString(text, "\n-----$1 $2-----\n")
	}
	text = patterns().end.ReplaceAllString(text, "")
	return patterns().front.ReplaceAllString(text, "")
}

// plusesKept keeps the pluses of base64 from being taken for blanks, which forms write so: theirs
// are in the BEGIN and END lines.
func plusesKept(text string) string {
	if strings.Contains(text, "BEGIN+") {
		return text
	}
	return strings.ReplaceAll(text, "+", "%2B")
}

// escapes are those of JSON (RFC 8259 section 7) and of shells, also twice.
var escapes = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer(`\\r`, "", `\\n`, "\n", `\r`, "", `\n`, "\n", `\t`, " ", `\/`, "/", `\"`, `"`,
		`\u002b`, "+", `\u002B`, "+", `\u002f`, "/", `\u002F`, "/", `\u003d`, "=", `\u003D`, "=", "\\\n", "\n")
})

// marks are characters that show as nothing, and blanks of other widths.
var marks = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\u00ad", "", "\u00a0", " ", "\u2028", "\n", "\u2029", "\n", "\r", "")
})

// dashes are what word processors make of hyphens.
const dashes = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

var patterns = sync.OnceValue(func() (p struct{ tag, armour, front, end *regexp.Regexp }) {
	p.tag = regexp.MustCompile(`</?[A-Za-z][^<>]{0,500}>`)
	p.armour = regexp.MustCompile(`[` + dashes + `]+ ?(BEGIN|END) ([A-Z0-9 .#]+?) ?[` + dashes + `]+`)
	p.front = regexp.MustCompile("(?m)^[>|\"'` \t]+")           // replies, strings of programs
	p.end = regexp.MustCompile("(?m)[\"'`\\\\][ \t+,;.\\\\]*$") // strings that go on
	return p
})
