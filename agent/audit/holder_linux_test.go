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
	count := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	before := count()
	for range 10 {
		if _, err := audit.Open(path, audit.Options{}); err == nil {
			t.Fatal("opened")
		}
	}
	if got := count(); got >= before+10 {
		t.Errorf("%d open files, %d before", got, before)
	}
}
