package integration

import (
	"slices"
	"strings"
)

// mostNear is how many names are offered in place of one that is not there.
const mostNear = 3

// near returns the names that a mistyped one may mean, the likeliest first.
func near(wanted string, all []listed) []string {
	const longest = 100 // it bounds the work
	if wanted == "" || len(wanted) > longest {
		return nil
	}
	type candidate struct {
		name  string
		edits int
	}
	var likely []candidate
	folded := []rune(strings.ToLower(wanted))
	for _, l := range all {
		if l.Name == "" || len(l.Name) > longest {
			continue
		}
		edits := farness(folded, []rune(strings.ToLower(string(l.Name))))
		if edits <= (len(folded)+2)/3 {
			likely = append(likely, candidate{string(l.Name), edits})
		}
	}
	slices.SortStableFunc(likely, func(a, b candidate) int { return a.edits - b.edits })
	var names []string
	for _, c := range likely {
		if len(names) < mostNear && !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// farness counts the edits between two names. One that is a part of the other is near.
func farness(a, b []rune) int {
	if len(a) >= 3 && strings.Contains(string(b), string(a)) {
		return 1
	}
	return distance(a, b)
}

// distance counts the insertions, deletions and replacements that turn a into b (Levenshtein),
// with one row of the table: row[j] is the distance of what has been read of a to the first j
// of b.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, left := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, right := range b {
			replaced := diagonal
			if left != right {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
