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
	text = marks().Replace(escapes().Replace(text))
	for range 2 { // some escape what is escaped
		text = html.UnescapeString(patterns().tag.ReplaceAllString(text, "\n"))
	}
	text = marks().Replace(text)
	text = patterns().list.ReplaceAllString(text, "\n")
	text = patterns().armour.ReplaceAllStringFunc(text, func(line string) string {
		found := patterns().armour.FindStringSubmatch(strings.ToUpper(line))
		return "\n-----" + found[1] + " " + found[2] + "-----\n"
	})
	text = patterns().end.ReplaceAllString(text, "")
	return withoutPluses(patterns().front.ReplaceAllString(text, ""))
}

// withoutPluses takes away what begins each line of a diff. Of base64 itself hardly a line begins so.
func withoutPluses(text string) string {
	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if isData := line != "" && !strings.HasPrefix(line, "-----"); isData && line[0] != '+' {
			return text
		}
	}
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "+")
	}
	return strings.Join(lines, "\n")
}

// plusesKept keeps the pluses of base64 from being taken for blanks, which forms write so: theirs
// are in the BEGIN and END lines.
func plusesKept(text string) string {
	if strings.Contains(text, "BEGIN+") {
		return text
	}
	return strings.ReplaceAll(text, "+", "%2B")
}

// escapes are those of JSON (RFC 8259 section 7), of shells, also twice, of C, of URLs and of RTF.
var escapes = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer(`\\r`, "", `\\n`, "\n", `\r`, "", `\n`, "\n", `\t`, " ", `\/`, "/", `\"`, `"`,
		`\u000d`, "", `\u000D`, "", `\u000a`, "\n", `\u000A`, "\n", `\x0d`, "", `\x0a`, "\n", `\x0A`, "\n", `\015`, "", `\012`, "\n",
		"%0D", "", "%0A", "\n", "%0d", "", "%0a", "\n", "`r`n", "\n", "`n", "\n", `\par`, "\n",
		`\u002b`, "+", `\u002B`, "+", `\u002f`, "/", `\u002F`, "/", `\u003d`, "=", `\u003D`, "=", "\\\n", "\n")
})

// marks are characters that show as nothing, and blanks of other widths. Zeros are every other byte of
// UTF-16.
var marks = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\u00ad", "", "\u00a0", " ", "\u2028", "\n", "\u2029", "\n", "\r", "", "\x00", "", "\f", "\n")
})

// dashes are what word processors make of hyphens.
const dashes = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

var patterns = sync.OnceValue(func() (p struct{ tag, list, armour, front, end *regexp.Regexp }) {
	p.tag = regexp.MustCompile(`</?[A-Za-z][^<>]{0,500}>`)
	p.list = regexp.MustCompile(`"\s*,\s*"`)
	p.armour = regexp.MustCompile(`(?i)(?:[` + dashes + `] ?)+(BEGIN|END) +([A-Z0-9 .#]+?) ?(?:[` + dashes + `] ?)+`)
	// Replies, whose lines may begin with a name; numbers of lines; strings of programs.
	p.front = regexp.MustCompile("(?m)^(?:[^>\\n]{0,40}>)?[>|\"'` \t]*(?:\\d{1,4}[:.)]?(?:[ \t]+|$))?")
	// Strings and lines that go on.
	p.end = regexp.MustCompile("(?m)(?:[\"'`\\\\]+[ \t+,;.\"'\\\\]*|[ \t,;^|]+)$")
	return p
})
