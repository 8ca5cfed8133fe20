package sink

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// remedies say what to do where a file cannot be written, by why.
var remedies = []struct {
	is error
	do string
}{
	{syscall.EBUSY, "something is mounted on the file itself, so that nothing can take its place: mount its directory instead"},
	{syscall.EROFS, "the file system is read-only: mount it to be written to; for a service name the directory in ReadWritePaths= or RuntimeDirectory="},
	{syscall.ENOSPC, "the file system is full: make room there"},
	{syscall.EDQUOT, "the agent's user has used up its quota there: make room"},
	{syscall.EFBIG, "the agent may not write files of that size: see its LimitFSIZE= or ulimit -f"},
	{syscall.EMFILE, "the agent has too many files open: see its LimitNOFILE= or ulimit -n"},
	{fs.ErrPermission, "let the agent's user write to the directory; only root may give files to another user, others only to a group of their own"},
	{fs.ErrNotExist, "make the directory (mkdir -m 700)"},
}

// remedyFor returns what to do about an error of writing.
func remedyFor(err error) string {
	for _, r := range remedies {
		if errors.Is(err, r.is) {
			return r.do
		}
	}
	return "see why the agent may not write there"
}

// failed is the error of a file that was not written.
func (f *File) failed(err error) error {
	return fmt.Errorf("token file %s: %w (%s; what was in the file before is still there)", f.Path, err, remedyFor(err))
}
