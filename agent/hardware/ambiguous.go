package hardware

import (
	"fmt"
	"strings"
)

// AmbiguousError says that an address fits several things.
type AmbiguousError struct {
	// What is "tokens", "cards" or "keys".
	What string

	// Candidates is an address each, ready to copy. Two keys of a token with neither a label
	// nor an id of their own have the same one; then only their certificate tells them apart.
	Candidates []string

	// Notes says what tells a candidate from the others besides (its reader, its certificate),
	// at the same place as in Candidates. It may be shorter, and "" where there is nothing.
	Notes []string
}

// MostListed is how many things the text of an error lists.
const MostListed = 20

func (e *AmbiguousError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "the address fits %d %s:", len(e.Candidates), e.What)
	for i, candidate := range e.Candidates[:min(MostListed, len(e.Candidates))] {
		text.WriteString("\n  " + candidate)
		if i < len(e.Notes) && e.Notes[i] != "" {
			text.WriteString(" (" + e.Notes[i] + ")")
		}
	}
	if more := len(e.Candidates) - MostListed; more > 0 {
		fmt.Fprintf(&text, "\n  and %d more", more)
	}
	return text.String()
}
