package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// errSharing is ERROR_SHARING_VIOLATION (Windows, system error codes).
const errSharing = syscall.Errno(32)

// openLocked opens the file, or makes it, so that others may read, rename and delete it but not
// write to it. Which users may do so at all is inherited from the directory.
func openLocked(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE,
		syscall.FILE_SHARE_READ|syscall.FILE_SHARE_DELETE, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case errors.Is(err, errSharing):
		return nil, fmt.Errorf("%w: give each agent a log of its own", ErrInUse)
	case errors.Is(err, syscall.ERROR_PATH_NOT_FOUND):
		return nil, fmt.Errorf("there is no directory %s: make it, for the agent's user alone", filepath.Dir(path))
	case err != nil:
		return nil, err
	}
	return os.NewFile(uintptr(handle), path), nil
}

// closeLocked lets go of the file.
func closeLocked(file *os.File) error { return file.Close() }

// isRemoved reports whether no name leads to the file any more, which Windows does not tell here.
func isRemoved(fs.FileInfo) bool { return false }
