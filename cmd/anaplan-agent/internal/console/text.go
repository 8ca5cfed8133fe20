package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns text with every character that does not print written as
// \uXXXX, except line ends. Labels, subjects and messages come from tokens, CAs
// and servers: an escape sequence among them could rewrite what the person reads,
// and a direction mark turn it around. unicode.IsPrint leaves out both, and the
// C1 controls (U+0080 to U+009F) that some terminals obey like an escape. What is not UTF-8, where
// those are single bytes, becomes U+FFFD.
//
// The spelling is that of JSON (RFC 8259 section 7), so that the function serves
// encoded JSON too, which has such characters inside of strings only.
func Printable(text string) string {
	if !strings.ContainsFunc(text, IsUnprintable) && utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		switch {
		case !IsUnprintable(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// IsUnprintable reports whether a character must not reach a terminal as it is.
func IsUnprintable(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }

// OneLine returns foreign text as a field of a line: without line ends, with
// blanks in their place.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Indented returns text of several lines with each but the first indented, so
// that no line that others wrote can pass for one of the program's own.
func Indented(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines[1:] {
		lines[i+1] = "  " + strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

// Time returns a time as a person reads it: that of this machine's clock, with its distance from UTC.
func Time(at time.Time) string {
	if _, offset := at.Local().Zone(); offset == 0 {
		return at.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return at.Local().Format("2006-01-02 15:04:05 -07:00")
}

// Counted returns a number of things in words that people read at a glance: "1 line",
// "1,234 lines".
func Counted(count int, thing string) string {
	if count == 1 {
		return "1 " + thing
	}
	return Number(count) + " " + thing + "s"
}

// Ahead returns by how much a clock is ahead of another: "1h0m0s ahead", "3s behind".
func Ahead(skew time.Duration) string {
	if skew < 0 {
		return skew.Abs().String() + " behind"
	}
	return skew.String() + " ahead"
}

// Number returns a number as it is in Counted: "1,234".
func Number(count int) string {
	digits := strconv.Itoa(count)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// QuotedName returns a name as a rule has it, or the id if the name is empty.
func QuotedName(name, id string) string {
	if name == "" {
		return id
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}
