package audit_test

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
)

// fullVariable tells the test binary that it is the child of inOwnProcess; its value is the
// directory to use.
const fullVariable = "AUDIT_TEST_DISK_FULL"

// TestDiskFull has writing fail in the middle of a line by a limit on the size of files,
// which needs no rights. The kernel writes what fits, as it does on a full disk.
func TestDiskFull(t *testing.T) { inOwnProcess(t, fillDisk) }

// inOwnProcess has a process of its own do the work of this test on a log, since the limit that it
// sets holds for a whole process.
func inOwnProcess(t *testing.T, work func(t *testing.T, path string)) {
	t.Helper()
	if directory := os.Getenv(fullVariable); directory != "" {
		signal.Ignore(syscall.SIGXFSZ)
		work(t, filepath.Join(directory, "audit.log"))
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=40s")
	child.Env = append(os.Environ(), fullVariable+"="+t.TempDir())
	output, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, output)
	}
}

// limitFiles lets no file grow beyond size.
func limitFiles(t *testing.T, size uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = min(size, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
}

func fillDisk(t *testing.T, path string) {
	log := open(t, path)
	add(t, log, 3)
	before := read(t, path)

	for _, room := range []int{0, 1, 100, len(before)/3 - 40} {
		limitFiles(t, uint64(len(before)+room))
		err := log.Append(handedOut)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "make room") {
			t.Fatalf("room for %d bytes: %v", room, err)
		}
		if got := read(t, path); !bytes.Equal(got, before) {
			t.Fatalf("room for %d bytes: the file is %q", room, got[len(before):])
		}
	}
	crowd(t, log)

	limitFiles(t, 1<<40)
	add(t, log, 2)
	report := whole(t, path)
	if got := uint64(report.Lines); got != report.LastSeq || got < 5 {
		t.Errorf("report %+v", report)
	}
	startOnFullDisk(t, log, path)
}

// crowd has many callers at a full disk: each is told.
func crowd(t *testing.T, log *audit.Log) {
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if err := log.Append(handedOut); err == nil {
				t.Error("an entry found room")
			}
		})
	}
	wait.Wait()
}

// startOnFullDisk opens a log whose end is broken where the note of it finds no room.
func startOnFullDisk(t *testing.T, log *audit.Log, path string) {
	log.Close()
	text := read(t, path)
	text = text[:len(text)-5]
	os.WriteFile(path, text, 0o600)
	limitFiles(t, uint64(len(text)+10))
	if _, err := audit.Open(path, audit.Options{}); err == nil {
		t.Fatal("opened")
	}
	if !bytes.Equal(read(t, path), text) {
		t.Error("the file was changed")
	}
	limitFiles(t, 1<<40)
	add(t, open(t, path), 1)
	whole(t, path)
}
