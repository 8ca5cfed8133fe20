package console

// Colours, for a person at a terminal that has them. What a line says stands in its words too.

import (
	"os"
	"regexp"
	"runtime"
	"strings"
)

// Colour is how a word of a result is coloured.
type Colour string

// The colours, as a terminal is told them (ECMA-48, SGR).
const (
	Green  Colour = "\x1b[32m"
	Yellow Colour = "\x1b[33m"
	Red    Colour = "\x1b[31m"

	plain = "\x1b[0m"
)

// HasColours reports whether a stream is a terminal that has colours, and nobody has asked to do
// without (https://no-color.org).
func HasColours(file *os.File) bool {
	kind := os.Getenv("TERM")
	known := kind != "" && kind != "dumb" || runtime.GOOS == "windows"
	return known && os.Getenv("NO_COLOR") == "" && ObeysEscapes(file)
}

// Mark says what is coloured: in lines that Place matches the part that it has in parentheses, by the
// word there. Place says where in a line that is, since the rest of it may hold words of others.
type Mark struct {
	Place *regexp.Regexp
	Words map[string]Colour
}

// Marked returns a result, printable, and with colours where a person sees them.
func Marked(text string, mark Mark) string {
	text = Printable(text)
	if HasColours(os.Stdout) {
		text = mark.coloured(text)
	}
	return text
}

// coloured returns a printable text with colours.
func (m Mark) coloured(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if at := m.Place.FindStringSubmatchIndex(line); at != nil {
			if colour, ok := m.Words[line[at[2]:at[3]]]; ok {
				line = line[:at[2]] + colour.of(line[at[2]:at[3]]) + line[at[3]:]
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

// of returns a text in the colour.
func (c Colour) of(text string) string { return string(c) + text + plain }
