//go:build cgo

package rv

import (
	"strings"
	"testing"
)

// TestWordsAreHouseStyle: lower case, no full stop, no code without words.
func TestWordsAreHouseStyle(t *testing.T) {
	for code, text := range words {
		if text == "" || strings.HasSuffix(text, ".") || strings.Contains(text, "CKR_") {
			t.Errorf("%v: %q", code, text)
		}
		if name := Name(code); !strings.HasPrefix(name, "CKR_") {
			t.Errorf("%q has no name, but %s", text, name)
		}
	}
}
