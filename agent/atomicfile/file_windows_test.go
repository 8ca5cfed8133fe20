package atomicfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/winetest"
)

// place is a directory that is left: Wine does not know how t.TempDir's is removed.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "atomicfile")
	check(t, err)
	return dir
}

// listOf returns the access list of what is at a path, as text.
func listOf(t *testing.T, path string) string {
	t.Helper()
	list, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	check(t, err)
	return list.String()
}

// wantPrivate checks that nobody but this user, the system and administrators may do anything.
func wantPrivate(t *testing.T, path string) {
	t.Helper()
	for _, somebody := range []string{";WD)", ";BU)", ";AU)", ";S-1-1-0)"} { // Everyone, Users, Authenticated Users
		if list := listOf(t, path); strings.Contains(list, somebody) {
			t.Errorf("%s lets others in: %s", path, list)
		}
	}
}

// TestWritten: a file is made and replaced, and nobody else may read it.
func TestWritten(t *testing.T) {
	path := filepath.Join(place(t), "state", "file")
	check(t, atomicfile.MkdirAll(filepath.Dir(path), 0o700))
	wantPrivate(t, filepath.Dir(path))
	for _, text := range []string{"first", "second"} {
		check(t, atomicfile.Write(path, []byte(text), atomicfile.Options{}))
		wantContent(t, path, text)
		wantPrivate(t, path)
	}
}

// TestPrivate: what was to be read by others is not any more.
func TestPrivate(t *testing.T) {
	if winetest.Is() {
		t.Skip("Wine cannot set a list without the directory's entries")
	}
	shared := filepath.Join(place(t), "shared")
	check(t, os.WriteFile(shared, []byte("old"), 0o666))
	check(t, atomicfile.Write(shared, []byte("new"), atomicfile.Options{Give: atomicfile.Private}))
	wantContent(t, shared, "new")
	wantPrivate(t, shared)
}

// TestKept: a file that is replaced lets in whom it has let in before.
func TestKept(t *testing.T) {
	path := filepath.Join(place(t), "file")
	check(t, os.WriteFile(path, []byte("old"), 0o666))
	before := listOf(t, path)
	check(t, atomicfile.Write(path, []byte("new"), atomicfile.Options{}))
	wantContent(t, path, "new")
	if after := listOf(t, path); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
}

// TestHeldOpen: a file that somebody reads is replaced as soon as that is over.
func TestHeldOpen(t *testing.T) {
	path := put(t, filepath.Join(place(t), "token"), "old")
	reader, err := os.Open(path)
	check(t, err)
	time.AfterFunc(300*time.Millisecond, func() { reader.Close() })
	check(t, atomicfile.Write(path, []byte("new"), atomicfile.Options{}))
	wantContent(t, path, "new")
}

// TestHeldOpenForLong: it is said that somebody has it open, and what was there stays: written in
// place, its reader could get a part of each.
func TestHeldOpenForLong(t *testing.T) {
	path := put(t, filepath.Join(place(t), "token"), "old")
	reader, err := os.Open(path)
	check(t, err)
	defer reader.Close()
	err = atomicfile.Write(path, []byte("new"), atomicfile.Options{})
	if err == nil || !strings.Contains(err.Error(), "has it open") {
		t.Errorf("got %v", err)
	}
	wantContent(t, path, "old")
}

// TestSweepLeavesWriters: what is being written stays, and what a writer that has ended left goes.
func TestSweepLeavesWriters(t *testing.T) {
	path := filepath.Join(place(t), "file")
	file, err := atomicfile.Create(t.Context(), path, atomicfile.Options{})
	check(t, err)
	left, err := os.ReadDir(filepath.Dir(path))
	if check(t, err); len(left) != 1 {
		t.Fatalf("files %v", left)
	}
	killed := filepath.Join(filepath.Dir(path), left[0].Name()+"0")
	check(t, os.WriteFile(killed, nil, 0o600))
	atomicfile.Sweep(path)
	if _, err := os.Stat(killed); err == nil {
		t.Error("what nobody writes any more is still there")
	}
	check(t, file.Finish([]byte("text")))
	wantContent(t, path, "text")
}

// TestFullDisk: Windows' own errors get the same remedies as those of Unix.
func TestFullDisk(t *testing.T) {
	for err, want := range map[error]string{
		windows.ERROR_DISK_FULL: "make room in", windows.ERROR_HANDLE_DISK_FULL: "make room in", windows.ERROR_DISK_QUOTA_EXCEEDED: "make room in",
		windows.ERROR_FILE_TOO_LARGE: "make room in", windows.ERROR_WRITE_PROTECT: "read-only", windows.ERROR_ACCESS_DENIED: "may not write in",
		windows.ERROR_SHARING_VIOLATION: "another program has it open",
	} {
		said := atomicfile.Explain(`C:\state\file`, &os.PathError{Op: "write", Path: `C:\state\file`, Err: err}).Error()
		if !strings.Contains(said, want) {
			t.Errorf("%v: %s", err, said)
		}
	}
}
