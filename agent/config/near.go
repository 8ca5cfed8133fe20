package config

// nearest returns the candidate that a mistyped name most likely means: the one
// with the fewest edits, if they are few for its length; else "".
func nearest(name string, candidates []string) string {
	const longest = 40 // no name is; it bounds the work
	if len(name) > longest {
		return ""
	}
	best, fewest := "", 0
	for _, candidate := range candidates {
		edits := distance(name, candidate)
		if edits <= (len(candidate)+2)/3 && (best == "" || edits < fewest) {
			best, fewest = candidate, edits
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements that turn a into b
// (Levenshtein), keeping one row of the table: row[j] is the distance of what has
// been read of a to the first j bytes of b.
func distance(a, b string) int {
	// Bytes and no runes: names of settings are ASCII, and what is not is far from all.
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			// diagonal is what row[j] was before this round.
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
