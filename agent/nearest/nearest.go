// Package nearest finds what a mistyped word most likely means, for messages that ask "did you mean".
package nearest

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// Word returns the word that a mistyped one most likely means: the one with the fewest edits, capitals
// aside, if they are few for its length; else "".
func Word(text string, words []string) string {
	const longest = 40 // bytes; no word is longer, and it bounds the work
	if len(text) > longest {
		return ""
	}
	best, fewest := "", 3
	for _, word := range words {
		edits := levenshtein.ComputeDistance(strings.ToLower(text), strings.ToLower(word))
		// Short words are near to everything.
		if edits < fewest && 2*edits <= len(word)+1 && (edits < 2 || len(word) > 4 || sameStart(text, word)) {
			best, fewest = word, edits
		}
	}
	return best
}

// sameStart reports whether words begin alike: of four letters two edits leave little else.
func sameStart(text, word string) bool {
	return text != "" && strings.EqualFold(text[:1], word[:1])
}
