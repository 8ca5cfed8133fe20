package integration

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
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
	folded := strings.ToLower(wanted)
	for _, l := range all {
		if l.Name == "" || len(l.Name) > longest {
			continue
		}
		edits := farness(folded, strings.ToLower(string(l.Name)))
		if edits <= (utf8.RuneCountInString(folded)+2)/3 {
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
func farness(a, b string) int {
	if utf8.RuneCountInString(a) >= 3 && strings.Contains(b, a) {
		return 1
	}
	return levenshtein.ComputeDistance(a, b)
}
