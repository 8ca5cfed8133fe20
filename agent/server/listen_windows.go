package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"golang.org/x/sys/windows"
)

// fits checks that the path fits sockaddr_un (afunix.h).
func fits(path string) error {
	const most = 107 // and a NUL
	if len(path) > most {
		return fmt.Errorf("the path of the socket is too long, by %d bytes of %d: %s", len(path)-most, most, path)
	}
	return nil
}

// prepareDirectory makes the directory for its user only, or checks that the one that is there lets
// in nobody else: whoever can connect counts as this user.
func prepareDirectory(directory string, _ fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(directory), 0o700); err != nil {
		return fmt.Errorf("making the directory of the socket: %w", err)
	}
	if err := makePrivate(directory); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the directory of the socket: %w", err)
	}
	return owned.CheckPrivate(directory)
}

// makePrivate makes a directory with full access for its user, the system and
// administrators, inherited by what is made in it, and nothing inherited from above.
func makePrivate(directory string) error {
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	access := fmt.Sprintf("D:P(A;OICI;FA;;;%s)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", self.User.Sid)
	descriptor, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(directory)
	if err != nil {
		return err
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: descriptor}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	return windows.CreateDirectory(name, &attributes)
}

// lockFile takes the lock, which ends with the file, and that with the process.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file of the socket: %w", err)
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, fmt.Errorf("%w: it holds %s", local.ErrRunning, path)
	}
	return nil, fmt.Errorf("locking %s: %w", path, err)
}

// bind replaces a stale socket. The directory keeps everybody out, so the order does
// not matter.
func bind(path string, _ fs.FileMode) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, err
	}
	socket.SetUnlinkOnClose(false) // Close looks first whether it is still there
	return socket, nil
}
