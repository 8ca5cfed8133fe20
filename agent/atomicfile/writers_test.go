package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// others may make files without this package, for a reason.
var others = []string{
	"agent/audit/open_unix.go",                        // a log grows
	"agent/listen/listen_unix.go",                     // a socket, and its lock
	"agent/listen/listen_windows.go",                  //
	"cmd/anaplan-agent/internal/daemon/logfile",       // a log grows
	"cmd/anaplan-agent/internal/doctor/agentfiles.go", // tries whether a file can be made
	"cmd/anaplan-agent/internal/foreign/",             // /dev/null
}

// making is what makes a file, or gives it another name.
var making = regexp.MustCompile(`\bos\.(WriteFile|Create|CreateTemp|Rename|Link)\(|\bO_CREATE?\b`)

// TestOneWriter: no other part of the program makes files by itself.
func TestOneWriter(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	for _, dir := range []string{"agent", "cmd/anaplan-agent", "hsm", "piv"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			name := filepath.ToSlash(strings.TrimPrefix(path, root+string(os.PathSeparator)))
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (strings.HasSuffix(name, "test") || name == "agent/atomicfile"):
				return fs.SkipDir
			case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			case slices.ContainsFunc(others, func(other string) bool { return strings.HasPrefix(name, other) }):
				return nil
			}
			seen++
			text, err := os.ReadFile(path)
			if found := making.Find(text); found != nil {
				t.Errorf("%s uses %s, and not package atomicfile", name, found)
			}
			return err
		})
		check(t, err)
	}
	if seen < 100 {
		t.Errorf("only %d files were looked at", seen)
	}
}
