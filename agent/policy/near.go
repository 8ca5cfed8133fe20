package policy

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the word that a mistyped one most likely means, or "".
func nearest(text string, words []string) string {
	const longest = 20 // no word is; it bounds the work
	if len(text) > longest {
		return ""
	}
	best, fewest := "", 3
	for _, word := range words {
		edits := levenshtein.ComputeDistance(strings.ToLower(text), strings.ToLower(word))
		// Short words are near to everything.
		if edits < fewest && 2*edits <= len(word)+1 {
			best, fewest = word, edits
		}
	}
	return best
}
