//go:build unix

package authority

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestKeyIsPrivate: the file is its owner's alone, whatever the umask or the file before; and one that
// others could have read, or can replace, is not used.
func TestKeyIsPrivate(t *testing.T) {
	f := newFixture(t)
	f.bundle()
	mode := func() os.FileMode {
		info, err := os.Stat(f.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if mode() != 0o600 {
		t.Errorf("mode %o", mode())
	}
	for _, wide := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(f.path, wide); err != nil {
			t.Fatal(err)
		}
		if _, err := f.another(filepath.Dir(f.path)).Bundle(); err == nil || !strings.Contains(err.Error(), "anaplan-agent ca renew") {
			t.Errorf("mode %o: %v", wide, err)
		}
	}
	if err := f.Renew(); err != nil || mode() != 0o600 {
		t.Errorf("renewed: mode %o, %v", mode(), err)
	}
	if err := os.Chmod(filepath.Dir(f.path), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := f.another(filepath.Dir(f.path)).Bundle(); err == nil {
		t.Error("one in a directory that everybody can write to is used")
	}
}

// TestNoFile: what is not a file in its place is told, and not waited for.
func TestNoFile(t *testing.T) {
	for name, put := range map[string]func(string) error{
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		f := newFixture(t)
		f.bundle()
		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}
		if err := put(f.path); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Bundle(); err == nil || !strings.Contains(err.Error(), "is not a file: remove it") {
			t.Errorf("%s: %v", name, err)
		}
		os.Remove(f.path)
		if len(f.bundle()) != 1 {
			t.Errorf("%s: there is no CA after it", name)
		}
	}
}
