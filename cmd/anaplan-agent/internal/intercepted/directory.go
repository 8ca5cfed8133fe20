package intercepted

// The directory of a run. There are no secrets in it, but what is in it is trusted: nobody else
// may write there.

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

const (
	directoryPrefix = build.Program + "-exec-"
	lockName        = "lock"

	// startTime is how old a directory is at least before somebody else's run may take it for one
	// that was left behind: it is made before it is locked.
	startTime = time.Minute
)

// directory is locked while its run lasts.
type directory struct {
	path string
	lock *flock.Flock
}

// makeDirectory makes one that only this user can enter (os.MkdirTemp): in memory, where the session
// has a place for that (XDG base directory specification).
func makeDirectory() (*directory, error) {
	parent := os.Getenv("XDG_RUNTIME_DIR")
	if filepath.IsAbs(parent) {
		sweep(parent)
		if made, err := makeDirectoryIn(parent); err == nil {
			return made, nil
		}
	}
	sweep(os.TempDir())
	made, err := makeDirectoryIn(os.TempDir())
	if err != nil {
		return nil, fmt.Errorf("making a directory for the certificates that the program is to trust (TMPDIR names another place): %w", err)
	}
	return made, nil
}

func makeDirectoryIn(parent string) (*directory, error) {
	path, err := os.MkdirTemp(parent, directoryPrefix+"*")
	if err != nil {
		return nil, err
	}
	made := &directory{path, flock.New(filepath.Join(path, lockName))}
	if _, err := made.lock.TryLock(); err != nil {
		made.remove()
		return nil, err
	}
	return made, nil
}

func (d *directory) remove() {
	d.lock.Close()
	os.RemoveAll(d.path) // what cannot be removed now is swept by a later run
}

// sweep removes what runs have left behind that were killed.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, directoryPrefix+"*")) // a pattern of ours: no error
	for _, path := range left {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < startTime {
			continue
		}
		old := &directory{path, flock.New(filepath.Join(path, lockName), flock.SetFlag(os.O_RDWR))}
		if free, err := old.lock.TryLock(); err == nil && free {
			old.remove()
		}
	}
}
