package atomicfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// target is what a path means, after its links.
type target struct {
	named   string
	path    string
	info    fs.FileInfo // nil: nothing is there
	inPlace bool        // it has no name that another file could take
	planted error       // it is a regular file that is not to be written to; nil: it may be
	fd      *descriptor // of this process; nil: none
}

// mostLinks is how many links in a row are followed, as Linux does.
const mostLinks = 40

// locate follows a path. Links are followed one by one, for the new file must be made beside
// the last.
func locate(named string) (target, error) {
	t := target{named: named, path: named}
	if filepath.Base(named) == "." || named == "" || os.IsPathSeparator(named[len(named)-1]) {
		return t, errDirectory
	}
	for range mostLinks {
		if t.fd = descriptorAt(t.path); t.fd != nil {
			return t, nil
		}
		info, err := os.Lstat(t.path)
		if errors.Is(err, fs.ErrNotExist) {
			return t.orMagic(nil), nil
		}
		if err != nil {
			return t, err
		}
		if t.planted = checkPlanted(t.path, info); t.planted != nil && !info.Mode().IsRegular() {
			return t, t.planted
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return t.orMagic(info), nil
		}
		if err := t.follow(); err != nil {
			return t, err
		}
	}
	return t, syscall.ELOOP
}

// follow puts what a link says into its place. The path is not cleaned: below a link, ".." is
// the kernel's to know.
func (t *target) follow() error {
	link, err := os.Readlink(t.path)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(link) {
		dir, _ := filepath.Split(t.path)
		link = dir + link
	}
	t.path = link
	return nil
}

// orMagic returns the target with what is there. Links of /proc lead to files that may have no
// name, or another's by now: such a file is written in place.
func (t target) orMagic(info fs.FileInfo) target {
	t.info = info
	really, err := os.Stat(t.named)
	if err == nil && (info == nil || !os.SameFile(really, info)) {
		t.path, t.info, t.inPlace = t.named, really, true
	}
	return t
}

// isThrough reports whether the target is written to as it is.
func (t target) isThrough() bool {
	return t.fd != nil || t.info != nil && !t.info.Mode().IsRegular()
}

// readerPoll is how often it is looked whether somebody reads a FIFO.
const readerPoll = 10 * time.Millisecond

// open opens what is written through. A FIFO is waited for until somebody reads it.
func (t target) open(ctx context.Context) (*os.File, error) {
	if t.fd != nil {
		return t.fd.duplicate()
	}
	for {
		file, err := os.OpenFile(t.path, os.O_WRONLY|openThrough, 0)
		if !errors.Is(err, syscall.ENXIO) || t.info.Mode()&fs.ModeNamedPipe == 0 {
			return file, t.stillThrough(file, err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(readerPoll):
		}
	}
}

// stillThrough fails where a regular file has come into the place of what was there.
func (t target) stillThrough(file *os.File, err error) error {
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = errChanged
	}
	if err != nil {
		file.Close()
	}
	return err
}

// writable returns nil if the target can be written to in place.
func (t target) writable() error {
	if t.planted != nil {
		return t.planted
	}
	file, err := os.OpenFile(t.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// Resolve returns the file that Write would write for a path: what its links lead to.
func Resolve(path string) (string, error) {
	t, err := locate(path)
	if err != nil {
		return "", t.explain(err)
	}
	return t.path, nil
}
