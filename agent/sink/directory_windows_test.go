package sink_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// letIn gives a directory an access list, below which everything has it too.
func letIn(t *testing.T, directory, entries string) {
	t.Helper()
	descriptor, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;" + local.Self() + ")" + entries)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := descriptor.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(directory, windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDirectoryOfOthers: where another user can put a token of theirs into the place of the agent's,
// none is written; where they can only read, one is.
func TestDirectoryOfOthers(t *testing.T) {
	for _, test := range []struct {
		who, entries string
		refused      bool
	}{
		{"nobody else", "", false},
		{"all may read", "(A;OICI;FR;;;WD)", false},
		{"all may do everything", "(A;OICI;FA;;;WD)", true},
	} {
		file := newFile(t)
		letIn(t, filepath.Dir(file.Path), test.entries)
		err := file.Write(tokenOf("value"))
		if (err != nil) != test.refused {
			t.Errorf("%s: %v", test.who, err)
		}
		if !test.refused {
			continue
		}
		if !errors.Is(err, owned.ErrExposed) || !strings.Contains(err.Error(), "icacls") {
			t.Errorf("%s: %v", test.who, err)
		}
		if _, err := os.Stat(file.Path); err == nil {
			t.Errorf("%s: there is a token", test.who)
		}
	}
}

// TestHeldOpen: a token that somebody goes on reading stays as it is, and the error says why.
func TestHeldOpen(t *testing.T) {
	file := newFile(t)
	write(t, file, "old")
	reader, err := os.Open(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := file.Write(tokenOf("new")); err == nil || !strings.Contains(err.Error(), "another program has it open") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(file.Path); err != nil || string(text) != "old\n" {
		t.Errorf("the file has %q, %v", text, err)
	}
	reader.Close()
	write(t, file, "new")
}
