package config

import (
	"strings"
	"testing"
)

// TestBackslash: a path of Windows in double quotes is not TOML, and what is said of it helps.
func TestBackslash(t *testing.T) {
	for _, text := range []string{`ca_file = "C:\users\a.pem"`, `ca_file = "C:\corp\a.pem"`} {
		_, err := Parse("c.toml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "escape") || !strings.Contains(err.Error(), "in single quotes, or a path with /") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Parse("c.toml", []byte("[profile.default]\nca_file = 'C:\\users\\a.pem'")); err != nil {
		t.Error(err)
	}
}
