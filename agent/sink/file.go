package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// File is a file that holds a token. Its methods may be called from any goroutine, its
// fields are not to be changed after the first call.
type File struct {
	// Path is absolute, and its directory exists.
	Path string

	// Mode is the file's permissions, whatever the umask. 0: 0600.
	Mode fs.FileMode

	// UID and GID become the file's owner and group; -1: those of the agent. They have
	// no default, since 0 is root. Only root may give files away, and others than root only to
	// a group of their own; Windows has no such numbers.
	UID, GID int

	mu    sync.Mutex
	wrote fs.FileInfo // the file as Write left it; nil: nothing is there to remove
}

// Check reports what stands against writing the file, as far as can be told without.
func (f *File) Check() error {
	if !filepath.IsAbs(f.Path) {
		return fmt.Errorf("token file %q: the path is not absolute: write it in full", f.Path)
	}
	if f.Mode&^fs.ModePerm != 0 {
		return fmt.Errorf("token file %s: the mode %v is more than permissions: take one up to 0777", f.Path, f.Mode)
	}
	path, err := atomicfile.Resolve(f.Path)
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	for _, name := range []string{f.Path, path} {
		if err := checkDirectory(name); err != nil {
			return fmt.Errorf("token file %s: %w", f.Path, err)
		}
	}
	info, err := os.Stat(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("token file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("token file %s: there is something else already (%v): remove it, or name another file", f.Path, info.Mode())
	}
	return nil
}

// checkDirectory looks at the directory of a file.
func checkDirectory(path string) error {
	directory := filepath.Dir(path)
	info, err := os.Stat(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no directory %s: make it (%s)", directory, remedy.Here().MakeDirectory())
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", directory)
	}
	return checkReplaceable(path, info)
}

// Write puts the token into the file. If it fails, the file is as it was before.
func (f *File) Write(token agent.Token) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if token.Value.IsZero() {
		return fmt.Errorf("token file %s: there is no token to write", f.Path)
	}
	if err := f.Check(); err != nil {
		return err
	}
	file, err := atomicfile.Create(context.Background(), f.Path, atomicfile.Options{Give: f.give})
	if err == nil {
		err = f.fill(file, token)
	}
	if err != nil {
		return failed(err)
	}
	f.wrote = file.Info()
	return nil
}

// lineSize is more than a token has. A line that grows leaves copies of it behind.
const lineSize = 4 << 10

// fill writes the file. Owner and mode come last: a user that may read it then finds all of it.
func (f *File) fill(file *atomicfile.File, token agent.Token) error {
	line := append(token.Value.Append(make([]byte, 0, lineSize)), '\n')
	defer clear(line)
	return file.Finish(line)
}

// give sets group, mode and owner: the group before the mode, which may let it read; the
// owner last, since only root may change the mode of what is no longer its own.
func (f *File) give(file *os.File) error {
	mode := f.Mode
	if mode == 0 {
		mode = 0o600
	}
	if err := chown(file, -1, f.GID); err != nil {
		return fmt.Errorf("giving it to group %d: %w", f.GID, err)
	}
	if err := atomicfile.Chmod(file, mode); err != nil {
		return err
	}
	if err := chown(file, f.UID, -1); err != nil {
		return fmt.Errorf("giving it to user %d: %w", f.UID, err)
	}
	return nil
}

// chown leaves files alone that nobody is to be given, since Windows refuses even that.
func chown(file *os.File, uid, gid int) error {
	if uid == -1 && gid == -1 {
		return nil
	}
	return file.Chown(uid, gid)
}

// Remove removes the file if it is the one that Write wrote last. One that is gone already is not
// an error; one that somebody else has put there or changed stays and is an error.
func (f *File) Remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	wrote := f.wrote
	if wrote == nil {
		return nil
	}
	there, err := os.Stat(f.Path)
	if err == nil {
		if !isSame(wrote, there) {
			f.wrote = nil
			return fmt.Errorf("token file %s: somebody has replaced or changed it, so it stays as it is", f.Path)
		}
		err = f.clear()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; it holds a token: remove it by hand", failed(err))
	}
	f.wrote = nil
	return nil
}

// clear removes the file, which a link may lead to. One that cannot be removed, as a mount
// point, is emptied.
func (f *File) clear() error {
	path, err := atomicfile.Resolve(f.Path)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Truncate(path, 0)
}

// isSame reports whether a file is the one that was written. The number of a file that was
// removed is soon given to another, so that its time must be the same too.
func isSame(wrote, there fs.FileInfo) bool {
	return os.SameFile(wrote, there) && wrote.ModTime().Equal(there.ModTime()) && wrote.Size() == there.Size()
}
