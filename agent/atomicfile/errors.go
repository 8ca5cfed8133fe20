package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

var (
	errDirectory = errors.New("it is a directory; give the file's name, too")
	errNoReader  = errors.New("nobody reads the FIFO")
	errChanged   = errors.New("something else has come into its place just now; try again")
	errPlanted   = errors.New("it is another user's, in a directory that everybody may write to, and may have been put there to have it written to; remove it, or choose another directory")
	errNotOpen   = errors.New("this file descriptor is not open")
)

// refusals are why a file cannot be replaced that perhaps can be written to.
var refusals = []error{fs.ErrPermission, syscall.EROFS, syscall.EBUSY, syscall.EXDEV, syscall.ENOTSUP}

func isRefusal(err error) bool { return isAny(err, refusals) }

func isAny(err error, of []error) bool {
	return slices.ContainsFunc(of, func(one error) bool { return errors.Is(err, one) })
}

// explain says of an error what it is about and what can be done. It does not name the file
// beside the target.
func (t target) explain(err error) error {
	cause := causeOf(err)
	if remedy := t.remedy(cause); remedy != "" {
		return fmt.Errorf("writing %s: %w; %s", t.named, cause, remedy)
	}
	return fmt.Errorf("writing %s: %w", t.named, cause)
}

func (t target) remedy(err error) string {
	dir := filepath.Dir(t.path)
	switch {
	case isAny(err, noRoom):
		return fmt.Sprintf("make room in %s; what was there before is unchanged", dir)
	case errors.Is(err, readOnly):
		return fmt.Sprintf("%s is on a read-only file system: choose another directory, or have it mounted writable", dir)
	case isHeldOpen(err):
		return "another program has it open: end that, or choose another name"
	case errors.Is(err, syscall.EBUSY):
		return "it is in use (a mount point?): choose another name"
	case errors.Is(err, fs.ErrPermission) && t.isThrough():
		return thisUser() + " may not write to it"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s may not write in %s: choose another directory, or change its permissions", thisUser(), dir)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no directory %s: make it first", dir)
	case errors.Is(err, fs.ErrExist):
		return "it is not replaced: remove it first, or choose another name"
	case errors.Is(err, syscall.EPIPE):
		return "the program that read it has ended"
	}
	return ""
}

// thisUser names the user for a person.
func thisUser() string {
	if uid := os.Geteuid(); uid >= 0 {
		return fmt.Sprintf("user %d", uid)
	}
	return "this user" // on Windows users have no numbers
}

// causeOf leaves out operations and paths.
func causeOf(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	if wrapped, ok := errors.AsType[*os.LinkError](err); ok {
		return wrapped.Err
	}
	if wrapped, ok := errors.AsType[*os.SyscallError](err); ok {
		return wrapped.Err
	}
	return err
}
