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

// walk goes the way to a file as the kernel does.
type walk struct {
	file  string
	self  int
	links int
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
	if uid != 0 && uid != w.self && !isUnmapped(uid) {
		return w.refuse(path, info, uid, w.chown(path, info))
	}
	if others := w.writers(path, info, gid); others != "" {
		return w.refuse(path, info, uid, w.sudo(uid)+"chmod "+others+"-w "+shell.Word(path))
	}
	return nil
}

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
	case group && (hasACL(path) || !isPrivate("/etc", gid, w.self)):
		return "g"
	}
	return ""
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
