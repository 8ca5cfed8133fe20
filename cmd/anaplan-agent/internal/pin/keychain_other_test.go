//go:build !darwin

package pin

import (
	"errors"
	"strings"
	"testing"
)

// TestKeychainElsewhere: nothing is started where there is no keychain.
func TestKeychainElsewhere(t *testing.T) {
	if got, err := fromKeychain(t.Context(), "hsm"); !errors.Is(err, ErrSource) || got != nil || !strings.Contains(err.Error(), "of macOS'") {
		t.Errorf("got %q, %v", got, err)
	}
}
