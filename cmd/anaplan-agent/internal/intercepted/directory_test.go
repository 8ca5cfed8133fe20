package intercepted

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDirectory(t *testing.T) {
	runtime, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	t.Setenv("TMP", temporary) // on Windows
	for at, want := range map[string]string{runtime: runtime, filepath.Join(runtime, "none"): temporary, "relative": temporary, "": temporary} {
		t.Setenv("XDG_RUNTIME_DIR", at)
		made, err := makeDirectory()
		if err != nil {
			t.Fatal(err)
		}
		if got := filepath.Dir(made.path); got != want {
			t.Errorf("XDG_RUNTIME_DIR=%s: it is in %s", at, got)
		}
		made.remove()
		if left, _ := filepath.Glob(filepath.Join(want, "*")); len(left) > 0 {
			t.Errorf("it left %s", left)
		}
	}
}

// What a killed run has left goes with the next one. What belongs to a run stays, and what is too
// young to be known as left.
func TestSweep(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", parent)
	make := func(old bool) *directory {
		made, err := makeDirectoryIn(parent)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(made.remove)
		if past := time.Now().Add(-time.Hour); old {
			if err := os.Chtimes(made.path, past, past); err != nil {
				t.Fatal(err)
			}
		}
		return made
	}
	runs, killed, young := make(true), make(true), make(false)
	killed.lock.Close()
	young.lock.Close()
	other := filepath.Join(parent, "another's")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	made, err := makeDirectory()
	if err != nil {
		t.Fatal(err)
	}
	defer made.remove()
	for path, want := range map[string]bool{runs.path: true, killed.path: false, young.path: true, other: true, made.path: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
