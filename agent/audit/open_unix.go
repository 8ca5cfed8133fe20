//go:build unix

package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openLocked opens the file, or makes it, and locks it for this process (flock(2)).
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no directory %s: make it, for the agent's user alone (mkdir -m 700)", filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Unwrap(err) // the path is told by the caller
	}
	if err := checkAndLock(file); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func checkAndLock(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is not a regular file (%v)", info.Mode().Type())
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others may write it (mode %04o): chmod 600", info.Mode().Perm())
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("%w%s: give each agent a log of its own", ErrInUse, holder(info))
	}
	if err != nil {
		return fmt.Errorf("locking it: %w", err)
	}
	return nil
}

// closeLocked unlocks the file first: a program that is just being started has a
// descriptor of it for a moment, which would keep the lock.
func closeLocked(file *os.File) error {
	return errors.Join(syscall.Flock(int(file.Fd()), syscall.LOCK_UN), file.Close())
}

// isRemoved reports whether no name leads to the file any more.
func isRemoved(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
