package sink_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

// besideOf returns the name of a file that a killed writer of another would leave.
func besideOf(t *testing.T, path string) string {
	t.Helper()
	file, err := atomicfile.Create(t.Context(), path, atomicfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Discard()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	return filepath.Join(filepath.Dir(path), entries[0].Name())
}

// TestClear: what an agent has left goes, and nothing else.
func TestClear(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		stays   bool
	}{
		"token":           {"value\n", false},
		"empty":           {"", true},
		"no line end":     {"value", true},
		"two lines":       {"one\ntwo\n", true},
		"words":           {"export A=1 B=2\n", true},
		"long as no line": {string(make([]byte, 5000)) + "\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t)
			beside := besideOf(t, file.Path)
			for path, content := range map[string]string{file.Path: test.content, beside: "val", file.Path + "s": "value\n"} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := file.Clear(); err != nil {
				t.Error(err)
			}
			want := []string{"tokens"}
			if test.stays {
				want = []string{"token", "tokens"}
			}
			wantNames(t, file, want...)
		})
	}
	if err := at(filepath.Join(t.TempDir(), "nowhere", "token")).Clear(); err != nil {
		t.Error(err)
	}
}
