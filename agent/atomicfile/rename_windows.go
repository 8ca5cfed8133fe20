package atomicfile

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// How long a file is tried again that somebody has open, and how often.
const (
	openFor  = 5 * time.Second
	openPoll = 50 * time.Millisecond
)

// rename puts a file into the place of another. Windows does not replace a file that somebody has
// open, as a program that reads a token does for a moment, and what guards against viruses after
// each change.
func rename(from, to string) error {
	for end := time.Now().Add(openFor); ; time.Sleep(openPoll) {
		err := os.Rename(from, to)
		if err == nil || !isOpen(err) {
			return err
		}
		if time.Now().After(end) {
			return whyNot(to, err)
		}
	}
}

// isOpen reports whether an error may be that of a file which somebody has open.
func isOpen(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_USER_MAPPED_FILE)
}

// whyNot returns why a file was not replaced. Windows denies access both to one that somebody has
// open and to one that this user may not replace; only of the former it says so when asked to delete it.
func whyNot(path string, err error) error {
	name, invalid := windows.UTF16PtrFromString(path)
	if invalid != nil {
		return err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	handle, refused := windows.CreateFile(name, windows.DELETE, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if refused == nil {
		windows.CloseHandle(handle)
	}
	if isHeldOpen(refused) {
		return refused
	}
	return err
}

// isHeldOpen reports whether a file was not replaced because somebody has it open.
func isHeldOpen(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
