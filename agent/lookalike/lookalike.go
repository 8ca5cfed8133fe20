// Package lookalike compares names that people cannot tell apart: the same letters in other code
// points (Unicode's NFC and NFD), and blanks at the ends. Names in Anaplan come from many keyboards
// and files, and macOS writes them decomposed.
//
//	if lookalike.Key(a) == lookalike.Key(b) && a != b {
//		fmt.Printf("%s is not %s\n", lookalike.Quote(a), lookalike.Quote(b))
package lookalike

import (
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Key returns what all names have in common that look like this one. It is the name itself, unless
// that is decomposed or has blanks at its ends.
func Key(name string) string { return strings.TrimSpace(norm.NFC.String(name)) }

// Any returns a text that stands for all names that look like this one, and is not itself a name: it
// has a NUL in it, which none has.
func Any(name string) string { return "\x00" + Key(name) }

// Quote returns the name in double quotes, with escapes for what looks like something else, so that
// names which look alike differ.
func Quote(name string) string { return strconv.QuoteToASCII(name) }

// Differ reports whether two of the names look alike and are not the same.
func Differ(names []string) bool {
	seen := make(map[string]string, len(names))
	for _, name := range names {
		key := Key(name)
		if other, ok := seen[key]; ok && other != name {
			return true
		}
		seen[key] = name
	}
	return false
}
