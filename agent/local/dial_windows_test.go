package local_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"golang.org/x/sys/windows"
)

// TestPlantedSocket: a socket that somebody else can have put there is not even connected to, for
// it would be sent PINs.
func TestPlantedSocket(t *testing.T) {
	directory := filepath.Join(os.TempDir(), "planted-socket")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(directory)
	client := local.NewClient(filepath.Join(directory, "agent.sock"))
	defer client.Close()
	if _, err := client.Status(t.Context()); err == nil || errors.Is(err, owned.ErrExposed) {
		t.Errorf("in a directory of one's own: %v", err)
	}
	open, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := open.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(directory, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Status(t.Context()); !errors.Is(err, owned.ErrExposed) {
		t.Errorf("in a directory that is everybody's: %v", err)
	}
}
