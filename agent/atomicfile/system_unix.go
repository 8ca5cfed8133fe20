//go:build unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// openThrough opens a FIFO without waiting, and makes no terminal this process's own.
const openThrough = syscall.O_NONBLOCK | syscall.O_NOCTTY

// noRoom is what a full disk, a quota and a limit of files' sizes say; readOnly a file system that is.
var noRoom, readOnly = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}, error(syscall.EROFS)

// descriptor is one of this process that was open when it started.
type descriptor struct{ number int }

// descriptorAt returns the descriptor that a path names: /dev/fd/N, and what /dev/stdout leads
// to; nil for none. Opening such a path would not do: not for sockets, and of a file it would
// be the beginning that is written to.
func descriptorAt(path string) *descriptor {
	number, err := strconv.Atoi(filepath.Base(path))
	if err != nil || number < 0 {
		return nil
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil || dir != "/dev/fd" && dir != "/proc/"+strconv.Itoa(os.Getpid())+"/fd" {
		return nil
	}
	return &descriptor{number}
}

// duplicate returns the descriptor once more. Those that this program has opened itself are
// nobody's to write to: they are closed on exec, and inherited ones are not.
func (d *descriptor) duplicate() (*os.File, error) {
	fd := uintptr(d.number)
	switch d.number {
	case 1: // wherever the program has moved it
		fd = os.Stdout.Fd()
	case 2:
		fd = os.Stderr.Fd()
	default:
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			return nil, errNotOpen
		}
	}
	twin, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(twin), "/dev/fd/"+strconv.Itoa(d.number)), nil
}

// checkPlanted refuses what somebody else has put into a directory that everybody may write
// to, as Linux does for what is opened there (fs.protected_symlinks, _regular and _fifos).
func checkPlanted(path string, info fs.FileInfo) error {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	owner := ownerOf(info)
	if dir.Mode()&fs.ModeSticky == 0 || dir.Mode().Perm()&0o002 == 0 || owner == os.Geteuid() || owner == ownerOf(dir) {
		return nil
	}
	return errPlanted
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// keep gives a new file the owner, attributes and permissions of another, in this order: each
// may take away what the next sets.
func keep(file *os.File, like string) error {
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	made, err := file.Stat()
	if err != nil {
		return err
	}
	is, was := made.Sys().(*syscall.Stat_t), info.Sys().(*syscall.Stat_t)
	if is.Uid != was.Uid || is.Gid != was.Gid {
		if err := file.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return err
		}
	}
	if err := keepAttributes(file, like); err != nil {
		return err
	}
	return file.Chmod(info.Mode().Perm())
}

// Chmod gives a file the permissions of a mode, for [Options.Give].
func Chmod(file *os.File, mode fs.FileMode) error { return file.Chmod(mode) }

// makeNew makes a file.
func makeNew(path string, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
}

// openOwn opens a file of this user's that nobody else can have written to, to go on with it.
func openOwn(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && (!info.Mode().IsRegular() || ownerOf(info) != os.Geteuid() || info.Mode().Perm()&0o022 != 0) {
		err = errPlanted
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// makeDirectory makes a directory that is not there yet.
func makeDirectory(dir string, mode fs.FileMode) error { return os.MkdirAll(dir, mode) }

// rename puts a file into the place of another.
func rename(from, to string) error { return os.Rename(from, to) }

// claim locks a file that was just made; false if somebody else has it, or has removed it.
func claim(file *os.File) bool {
	err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false
	}
	made, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(file.Name())
	return err == nil && os.SameFile(made, there)
}

// removeLeft removes a file that was left by a process which has ended: nobody has it locked.
func removeLeft(path string) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && ownerOf(info) == os.Geteuid() && unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		os.Remove(path)
	}
}

// syncDirectory brings new names to the disk. Some file systems know no such thing.
func syncDirectory(dir string) error {
	file, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) { // one may write into a directory that one may not read
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// isHeldOpen reports nothing: a file that is open can be replaced.
func isHeldOpen(error) bool { return false }
