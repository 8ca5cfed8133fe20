package policy

import "strings"

// nearest returns the word that a mistyped one most likely means, or "".
func nearest(text string, words []string) string {
	const longest = 20 // no word is; it bounds the work
	if len(text) > longest {
		return ""
	}
	best, fewest := "", 3
	for _, word := range words {
		edits := distance(strings.ToLower(text), strings.ToLower(word))
		// Short words are near to everything.
		if edits < fewest && 2*edits <= len(word)+1 {
			best, fewest = word, edits
		}
	}
	return best
}

// distance counts the bytes to insert, to remove or to replace on the way from a to b
// (Levenshtein). row holds the distances from what was read of a to each beginning of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // from one byte less of a, to one less of b
		row[0]++
		for j := range len(b) {
			same := before
			if a[i] != b[j] {
				same++
			}
			before = row[j+1]
			row[j+1] = min(same, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
