package atomicfile_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

// check fails the test if a step of its own fails.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes a file by other means.
func put(t *testing.T, path, text string) string {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// wantContent checks what a file holds.
func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %.40q (%v), want %.40q", path, got, err, want)
	}
}

// wantNames checks what is in a directory.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("in %s: %q, want %q", dir, names, want)
	}
}

// write writes, and must succeed.
func write(t *testing.T, path, text string, options atomicfile.Options) {
	t.Helper()
	if err := atomicfile.Write(path, []byte(text), options); err != nil {
		t.Error(err)
	}
}

// wantError checks an error's words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Error("there is no error")
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "file"), "old")
	for _, name := range []string{"file", "new"} {
		out, err := atomicfile.Create(t.Context(), filepath.Join(dir, name), atomicfile.Options{})
		check(t, err)
		_, err = io.WriteString(out, "half")
		check(t, err)
		wantContent(t, path, "old")
		check(t, out.Discard())
	}
	wantNames(t, dir, "file")
	write(t, path, "longer than before", atomicfile.Options{})
	wantContent(t, path, "longer than before")
	write(t, path, "", atomicfile.Options{})
	wantContent(t, path, "")
	wantNames(t, dir, "file")
}

func TestNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var won sync.Map
	var writers sync.WaitGroup
	for i := range 20 {
		writers.Go(func() {
			err := atomicfile.Write(path, []byte{byte('a' + i)}, atomicfile.Options{New: true})
			switch {
			case err == nil:
				won.Store(i, true)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	writers.Wait()
	count := 0
	won.Range(func(i, _ any) bool {
		count++
		wantContent(t, path, string(rune('a'+i.(int))))
		return true
	})
	if count != 1 {
		t.Errorf("%d have made the file", count)
	}
	wantNames(t, filepath.Dir(path), "file")
	wantError(t, atomicfile.Write(path, nil, atomicfile.Options{New: true}), path, "file already exists", "remove it first")
}

// TestSideBySide: writers of one file do not take each other's work away.
func TestSideBySide(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var writers sync.WaitGroup
	for i := range 20 {
		writers.Go(func() { write(t, path, strings.Repeat(string(rune('a'+i)), 9999), atomicfile.Options{}) })
	}
	writers.Wait()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != strings.Repeat(string(got[:1]), 9999) {
		t.Errorf("%.40q, %v", got, err)
	}
	wantNames(t, filepath.Dir(path), "file")
}

func TestWords(t *testing.T) {
	dir := t.TempDir()
	for path, words := range map[string]string{
		"":                                 "it is a directory",
		dir:                                "it is a directory",
		dir + string(os.PathSeparator):     "it is a directory",
		filepath.Join(dir, "none", "file"): "there is no directory " + filepath.Join(dir, "none"),
	} {
		wantError(t, atomicfile.Write(path, nil, atomicfile.Options{}), path, words)
	}
	wantNames(t, dir)
}

func TestMkdirAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	check(t, atomicfile.MkdirAll(dir, 0o700))
	check(t, atomicfile.MkdirAll(dir, 0o700))
	path := put(t, filepath.Join(dir, "file"), "")
	wantError(t, atomicfile.MkdirAll(path, 0o700), path)
	check(t, atomicfile.Remove(path))
	check(t, atomicfile.Remove(path))
	wantNames(t, dir)
}

func ExampleCreate() {
	out, err := atomicfile.Create(context.Background(), "report.csv", atomicfile.Options{Mode: 0o644})
	if err != nil {
		return
	}
	if _, err := io.WriteString(out, "a,b\n"); err != nil {
		out.Discard()
		return
	}
	if err := out.Commit(); err != nil {
		return // report.csv is as it was
	}
}

func TestLinkNew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	check(t, atomicfile.LinkNew(put(t, filepath.Join(dir, "first"), "first"), path))
	if err := atomicfile.LinkNew(put(t, filepath.Join(dir, "second"), "second"), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	wantContent(t, path, "first")
	wantNames(t, dir, "file", "second")
}
