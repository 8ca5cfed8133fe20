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
