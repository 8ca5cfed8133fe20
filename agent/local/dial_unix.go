//go:build unix

package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func OwnerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// Self is the number of this user.
func Self() int { return os.Geteuid() }

// CheckPlace leaves that to check: the kernel tells who is at the other end.
func CheckPlace(string) error { return nil }

// isLocked reports whether an agent has the lock.
func isLocked(path string) bool {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// IsBusy reports whether somebody listens, but too many wait to be accepted.
func IsBusy(err error) bool { return errors.Is(err, syscall.EAGAIN) }

// onlyRoot reports whether nobody but root can put anything into the directory.
func onlyRoot(directory string) bool {
	info, err := os.Stat(directory)
	return err == nil && OwnerOf(info) == 0 && info.Mode().Perm()&0o022 == 0
}
