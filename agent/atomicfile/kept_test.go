//go:build unix

package atomicfile_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

// begin begins to write a file of which the beginning is kept.
func begin(t *testing.T, path, kept string) *atomicfile.File {
	t.Helper()
	file, err := atomicfile.Create(context.Background(), path, atomicfile.Options{Kept: kept})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func putText(t *testing.T, file *atomicfile.File, text string) {
	t.Helper()
	if _, err := file.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// TestKeptIsGoneOnWith: what did not become complete is gone on with by the next writer of the same, and by no
// other; nothing of it is left when the file is there.
func TestKeptIsGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.csv")
	first := begin(t, path, "file 113")
	putText(t, first, "abcd")
	if err := atomicfile.Write(first.Note(), []byte("{}"), atomicfile.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := first.Discard(); err != nil {
		t.Fatal(err)
	}
	second := begin(t, path, "file 113")
	got := make([]byte, 4)
	if _, err := second.ReadAt(got, 0); err != nil || second.Had() != 4 || string(got) != "abcd" {
		t.Fatalf("%d bytes, %q: %v", second.Had(), got, err)
	}
	beside := begin(t, path, "file 113") // while the second one has it
	if beside.Had() != 0 || beside.Note() != "" {
		t.Errorf("two have it: %d bytes, %s", beside.Had(), beside.Note())
	}
	if err := beside.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := second.Truncate(3); err != nil {
		t.Fatal(err)
	}
	putText(t, second, "xyz")
	if err := second.Commit(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "abcxyz" {
		t.Errorf("%q, %v", text, err)
	}
	if left := names(t, dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// TestKeptOfSomethingElse goes when something else is written to the place.
func TestKeptOfSomethingElse(t *testing.T) {
	for name, next := range map[string]string{"other": "file 114", "none": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "report.csv")
			first := begin(t, path, "file 113")
			putText(t, first, "abcd")
			if err := atomicfile.Write(first.Note(), []byte("{}"), atomicfile.Options{}); err != nil {
				t.Fatal(err)
			}
			first.Discard()
			second := begin(t, path, next)
			if second.Had() != 0 {
				t.Errorf("it has %d bytes", second.Had())
			}
			putText(t, second, "new")
			if err := second.Commit(); err != nil {
				t.Fatal(err)
			}
			if left := names(t, dir); len(left) != 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestPlantedIsNotGoneOnWith: neither a link, nor what others can write to.
func TestPlantedIsNotGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.csv")
	first := begin(t, path, "file 113")
	kept := first.Note()[:len(first.Note())-len(".json")]
	putText(t, first, "abcd")
	first.Discard()
	if err := os.Chmod(kept, 0o666); err != nil {
		t.Fatal(err)
	}
	second := begin(t, path, "file 113")
	if second.Had() != 0 {
		t.Error("it is gone on with what others can write to")
	}
	second.Discard()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("abcd"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Remove(kept)
	if err := os.Symlink(victim, kept); err != nil {
		t.Fatal(err)
	}
	third := begin(t, path, "file 113")
	putText(t, third, "xyz")
	if err := third.Commit(); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "abcd" || third.Had() != 0 {
		t.Errorf("the link was followed: %q", text)
	}
}
