package audit_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
)

func TestHolderIsNamed(t *testing.T) {
	path := newPath(t)
	open(t, path)
	_, err := audit.Open(path, audit.Options{})
	if want := fmt.Sprintf("(process %d, ", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ...%s...", err, want)
	}
}

// A file that is refused is let go of.
func TestRefusedFileIsClosed(t *testing.T) {
	path := newPath(t)
	os.WriteFile(path, nil, 0o600)
	os.Chmod(path, 0o666)
	refuseTenTimes(t, path)
}

// refuseTenTimes opens a log that is refused each time, which must leave nothing open.
func refuseTenTimes(t *testing.T, path string) {
	t.Helper()
	before := openFiles(t)
	for range 10 {
		if _, err := audit.Open(path, audit.Options{}); err == nil {
			t.Fatal("opened")
		}
	}
	if got := openFiles(t); got >= before+10 {
		t.Errorf("%d open files, %d before", got, before)
	}
}

// To look for who holds a file leaves nothing open.
func TestHolderLeavesNothingOpen(t *testing.T) {
	path := newPath(t)
	open(t, path)
	refuseTenTimes(t, path)
}

// A file that was removed is let go of, so that the disk has its room again.
func TestRemovedFilesAreClosed(t *testing.T) {
	path := newPath(t)
	log := open(t, path)
	before := openFiles(t)
	for range 10 {
		os.Remove(path)
		add(t, log, 1)
	}
	if got := openFiles(t); got >= before+10 {
		t.Errorf("%d open files, %d before", got, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
