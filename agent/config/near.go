package config

import "github.com/agnivade/levenshtein"

// nearest returns the candidate that a mistyped name most likely means: the one
// with the fewest edits, if they are few for its length; else "".
func nearest(name string, candidates []string) string {
	const longest = 40 // no name is; it bounds the work
	if len(name) > longest {
		return ""
	}
	best, fewest := "", 0
	for _, candidate := range candidates {
		edits := levenshtein.ComputeDistance(name, candidate)
		if edits <= (len(candidate)+2)/3 && (best == "" || edits < fewest) {
			best, fewest = candidate, edits
		}
	}
	return best
}
