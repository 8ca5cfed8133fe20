package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"golang.org/x/sys/windows"
)

// TestPrepareDirectory: the directory of the socket is made for this user alone, and one that lets
// in others is refused.
func TestPrepareDirectory(t *testing.T) {
	directory := filepath.Join(os.TempDir(), "socket-parent", "socket")
	defer os.Remove(filepath.Dir(directory))
	defer os.Remove(directory)
	for _, what := range []string{"new", "there"} {
		if err := prepareDirectory(directory, 0o700); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, access := range []string{"D:P(A;OICI;FR;;;WD)", "D:P(A;OICI;FA;;;WD)"} {
		descriptor, err := windows.SecurityDescriptorFromString(access)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := descriptor.DACL()
		if err == nil {
			err = windows.SetNamedSecurityInfo(directory, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, list, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := prepareDirectory(directory, 0o700); !errors.Is(err, owned.ErrExposed) {
			t.Errorf("%s: %v", access, err)
		}
	}
}
