package service

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// TestRegister walks through install and uninstall with the system's own service control manager. It
// takes an administrator, and a machine without the service.
func TestRegister(t *testing.T) {
	const program = `C:\Windows\System32\cmd.exe` // nobody else can change it
	said := &bytes.Buffer{}
	s := &Service{Flags: Flags{System: true, Program: program}, Say: &console.Messenger{Out: said}}
	if err := s.makeFiles("windows"); err != nil {
		t.Fatal(err)
	}
	err := s.register()
	if errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		t.Skip("this service control manager knows nothing of recovery and privileges: it is Wine's")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer removeRegistration()
	found, isOurs, err := readRegistration()
	if err != nil || !isOurs || *found != *s.registration {
		t.Errorf("registered as %+v, ours: %v, %v; want %+v", found, isOurs, err, s.registration)
	}
	if err := s.register(); err != nil || !strings.Contains(said.String(), "is as it should be") {
		t.Errorf("again: %v\n%s", err, said)
	}
	changeByHand(t)
	if err := errors.Join(s.register(), s.unregister()); !errors.Is(err, errChangedRegistration) {
		t.Errorf("changed by hand: %v", err)
	}
	s.force = true
	if err := errors.Join(s.register(), s.unregister()); err != nil {
		t.Error(err)
	}
	if found, _, err := readRegistration(); found != nil || err != nil {
		t.Errorf("after its removal: %+v, %v", found, err)
	}
}

func changeByHand(t *testing.T) {
	t.Helper()
	err := withService(func(_ *mgr.Mgr, service *mgr.Service) error {
		config, err := service.Config()
		if err == nil {
			config.StartType = mgr.StartManual
			err = service.UpdateConfig(config)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFailedRegistration: a service that cannot be set up is not left half made.
func TestFailedRegistration(t *testing.T) {
	before, _, err := readRegistration()
	if before != nil || err != nil {
		t.Fatalf("there is a service %s: %v", build.Program, err)
	}
	s := &Service{Flags: Flags{System: true, Program: `C:\windows\system32\cmd.exe`}, registration: newRegistration(`C:\windows\system32\cmd.exe`)}
	s.registration.privileges = "no\x00such"
	if err := s.writeRegistration(); err == nil {
		t.Error("it is registered")
	}
	if found, _, err := readRegistration(); found != nil || err != nil {
		t.Errorf("left: %+v, %v", found, err)
	}
}

// TestFolder: it is made once, and one that others can change is refused.
func TestFolder(t *testing.T) {
	root := filepath.Join(os.TempDir(), "machine-folder")
	defer os.Remove(root)
	f := machineFolders(root)[0]
	if isNew, err := f.make(); !isNew || err != nil {
		t.Fatalf("new: %v, %v", isNew, err)
	}
	descriptor, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := descriptor.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(root, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if isNew, err := f.make(); isNew || !errors.Is(err, owned.ErrExposed) {
		t.Errorf("everybody's: %v, %v", isNew, err)
	}
	if _, err := (folder{path: filepath.Join(root, "no", "such"), access: f.access}).make(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a parent: %v", err)
	}
}
