package anaplan

import (
	"bytes"
	"regexp"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// Bounds of text that the service sends and people read.
const (
	maxText = 200 // runes of a message
	maxID   = 64  // runes of a name
)

// overlap is how many bytes in a row a word may share with a secret before it is
// taken for a piece of it.
const overlap = 12

// word matches what could be a credential or a piece of one. Compiled when an
// error needs it: most runs have none.
var word = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[^\s"'<>,;(){}\[\]]{12,}`)
})

// secrets are what a request carries and no text may show: a server that echoes
// its input must not get it into our logs.
type secrets [][]byte

// scrub replaces every word that has a piece of a secret in it. Pieces count,
// because servers cut and wrap what they echo.
func (s secrets) scrub(text string) string {
	return word().ReplaceAllStringFunc(text, func(found string) string {
		if s.touch(found) {
			return "[redacted]"
		}
		return found
	})
}

func (s secrets) touch(text string) bool {
	for i := 0; i+overlap <= len(text); i++ {
		for _, secret := range s {
			if bytes.Contains(secret, []byte(text[i:i+overlap])) {
				return true
			}
		}
	}
	return false
}

// clean makes foreign text fit for one line of a terminal and a log: no control
// or invisible characters, no secrets, a bounded length.
func (s secrets) clean(text string) string {
	// Cut before scrubbing to bound the work, and well above the final bound, so
	// that the cut leaves no unrecognised stump of a secret in view.
	text = printable.Cut(printable.Line(text), 10*maxText)
	return printable.Cut(s.scrub(text), maxText)
}
