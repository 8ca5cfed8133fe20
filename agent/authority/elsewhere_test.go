package authority

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherHostsCA: a CA for hosts that are not Anaplan's is not used, nor given to programs.
func TestOtherHostsCA(t *testing.T) {
	f := newFixture(t)
	f.bundle()
	elsewhere := New(filepath.Dir(f.path), []string{"example.com"})
	if err := elsewhere.Renew(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Bundle(); err == nil || !strings.Contains(err.Error(), `"example.com", which is not Anaplan's; to make another: anaplan-agent ca renew`) {
		t.Errorf("%v", err)
	}
}
