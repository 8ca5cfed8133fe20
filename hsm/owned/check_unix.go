//go:build unix

package owned

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
)

// mostLinks is how many symbolic links Linux follows (path_resolution(7)).
const mostLinks = 40

// Check returns an *Error if somebody else can change the file. A file that is not there, or
// cannot be looked at, is not refused: opening it gives the better error.
func Check(path string) error { return checkFor(path, os.Geteuid()) }

// checkFor is Check for a user.
func checkFor(path string, self int) error {
	full := path
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return nil // of use to nobody: the file cannot be opened either
		}
		full = here + "/" + path // not cleaned: what .. means depends on links
	}
	w := walk{file: path, self: self}
	err := w.along("/", full)
	if _, refused := errors.AsType[*Error](err); refused {
		return err
	}
	return nil
}

// CheckPlace returns an *Error if anybody but root, this user and one more can put something into a
// directory, or put another directory in its place; another error if that cannot be told.
//
// The one more may own directories, where root or this user has given them: those that lie in the
// other's own, or in one to which nobody else can add. In a sticky directory, such as /tmp, anybody
// can have been the first to take a name, so nothing of the other's counts there.
func CheckPlace(directory string, more int) error {
	return checkPlaceFor(directory, os.Geteuid(), more)
}

// checkPlaceFor is CheckPlace for a user.
func checkPlaceFor(directory string, self, more int) error {
	full, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	w := walk{file: directory, self: self, more: &more}
	if err := w.along("/", full); err != nil {
		return err
	}
	if w.shared {
		info, err := os.Stat(directory)
		if err != nil {
			return err
		}
		return w.refuse(full, info, ownerOf(info), w.sudo(ownerOf(info))+"chmod go-w "+shell.Word(full))
	}
	return nil
}

// IsOutside reports whether a number stands for the users outside of this user namespace, who have
// none in it.
func IsOutside(uid int) bool { return isUnmapped(uid) }

// IsAmbiguous reports whether a number is that of a user of this user namespace, and stands for all
// users outside of it as well.
func IsAmbiguous(uid int) bool { return isOverflow(uid) && !isUnmapped(uid) && inNamespace() }

// walk goes the way to a file as the kernel does.
type walk struct {
	file   string
	self   int
	more   *int // another user who may own what lies on the way; nil: nobody
	shared bool // the directory that was looked at last is sticky, and others can add to it
	links  int
}

var errTooManyLinks = errors.New("too many links")

// along judges what lies on the way from a directory that is free of links.
func (w *walk) along(directory, way string) error {
	if err := w.look(directory); err != nil {
		return err
	}
	first, rest, _ := strings.Cut(strings.TrimLeft(way, "/"), "/")
	switch first {
	case "":
		return nil
	case ".":
		return w.along(directory, rest)
	case "..":
		return w.along(filepath.Dir(directory), rest)
	}
	path := filepath.Join(directory, first)
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Type() == fs.ModeSymlink:
		return w.follow(directory, path, info, rest)
	case info.IsDir():
		return w.along(path, rest)
	}
	return w.judge(path, info)
}

// look judges a directory.
func (w *walk) look(directory string) error {
	info, err := os.Lstat(directory)
	if err != nil {
		return err
	}
	return w.judge(directory, info)
}

// follow goes on where a link leads. Those of /proc/PID/fd lead to what is open already, wherever
// that is.
func (w *walk) follow(directory, path string, info fs.FileInfo, rest string) error {
	if w.links++; w.links > mostLinks {
		return errTooManyLinks
	}
	if strings.HasPrefix(path, "/proc/") {
		open, err := os.Stat(path)
		if err != nil {
			return err
		}
		return w.judge(path, open)
	}
	if err := w.judge(path, info); err != nil {
		return err
	}
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if filepath.IsAbs(target) {
		directory = "/"
	}
	return w.along(directory, target+"/"+rest)
}

// judge refuses what another user owns or can write to.
func (w *walk) judge(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	uid, gid := int(stat.Uid), int(stat.Gid)
	if uid != 0 && uid != w.self && !isUnmapped(uid) && !w.trustsMore(uid) {
		return w.refuse(path, info, uid, w.chown(path, info))
	}
	if info.IsDir() {
		w.shared = info.Mode()&fs.ModeSticky != 0 && info.Mode().Perm()&0o022 != 0
	}
	if others := w.writers(path, info, gid); others != "" {
		return w.refuse(path, info, uid, w.sudo(uid)+"chmod "+others+"-w "+shell.Word(path))
	}
	return nil
}

// trustsMore reports whether it is the other user who may own what is looked at.
func (w *walk) trustsMore(uid int) bool { return w.more != nil && uid == *w.more && !w.shared }

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// writers returns which others can write to it, as chmod names them; "" for nobody. What is written
// to a device is not what is read from it.
func (w *walk) writers(path string, info fs.FileInfo, gid int) string {
	mode := info.Mode()
	switch {
	case mode.Type() == fs.ModeSymlink, mode&fs.ModeDevice != 0, mode.IsDir() && mode&fs.ModeSticky != 0:
		return ""
	}
	group, all := mode.Perm()&0o020 != 0, mode.Perm()&0o002 != 0
	switch {
	case group && all:
		return "go"
	case all:
		return "o"
	case group && (hasACL(path) || !w.isPrivate(gid)):
		return "g"
	}
	return ""
}

// isPrivate reports whether a group is only of users who may own what lies on the way.
func (w *walk) isPrivate(gid int) bool {
	return isPrivate("/etc", gid, w.self) || w.more != nil && isPrivate("/etc", gid, *w.more)
}

func (w *walk) refuse(path string, info fs.FileInfo, uid int, remedy string) error {
	return &Error{File: w.file, Path: w.named(path), Owner: ownerName(uid), Mode: info.Mode(), Remedy: remedy}
}

// named returns the path as the caller wrote it, if it is the file itself.
func (w *walk) named(path string) string {
	if given, err := filepath.Abs(w.file); err == nil && given == path {
		return w.file
	}
	return path
}

// chown returns the command that gives a file to this user, and a directory to root.
func (w *walk) chown(path string, info fs.FileInfo) string {
	owner := "root"
	if info.Mode().IsRegular() {
		owner = ownName(w.self)
	}
	flag := ""
	if info.Mode().Type() == fs.ModeSymlink {
		flag = "-h "
	}
	return w.sudo(-1) + "chown " + flag + owner + " " + shell.Word(path)
}

// sudo is in front of what this user may not do to a file of that owner.
func (w *walk) sudo(owner int) string {
	if w.self == 0 || w.self == owner {
		return ""
	}
	return "sudo "
}
