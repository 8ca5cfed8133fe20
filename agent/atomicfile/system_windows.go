package atomicfile

import (
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// openThrough is for FIFOs, which Windows has not.
const openThrough = 0

// noRoom is what a full disk, a quota and the largest size of a file say; readOnly a medium that is
// protected.
var (
	noRoom   = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED, windows.ERROR_FILE_TOO_LARGE}
	readOnly = error(windows.ERROR_WRITE_PROTECT)
)

// descriptor is one of this process, of which Windows has no names.
type descriptor struct{}

func descriptorAt(string) *descriptor { return nil }

func (d *descriptor) duplicate() (*os.File, error) { return nil, errNotOpen }

// checkPlanted does nothing: there is no directory that everybody may write in.
func checkPlanted(string, fs.FileInfo) error { return nil }

// claim does nothing: removeLeft leaves a file that is open.
func claim(*os.File) bool { return true }

// openOwn opens nothing: a file of a known name could be somebody else's, and is not gone on with.
func openOwn(string) (*os.File, error) { return nil, errChanged }

// removeLeft removes a file that no process has open. Who writes one lets it be deleted meanwhile, for
// else it could not be renamed, so that is asked for without sharing it with anybody.
func removeLeft(path string) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return
	}
	const flags = windows.FILE_FLAG_DELETE_ON_CLOSE | windows.FILE_FLAG_OPEN_REPARSE_POINT
	if handle, err := windows.CreateFile(name, windows.DELETE, 0, nil, windows.OPEN_EXISTING, flags, 0); err == nil {
		windows.CloseHandle(handle)
	}
}

// syncDirectory does nothing: Windows brings names to the disk by itself.
func syncDirectory(string) error { return nil }
