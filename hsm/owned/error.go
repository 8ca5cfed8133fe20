package owned

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
)

// ErrExposed is what every *Error wraps.
var ErrExposed = errors.New("other users can change it")

// Error says that somebody else can change a file.
type Error struct {
	File   string      // that was to be used
	Path   string      // what of it they can change: the file itself, or a directory or link on the way
	Owner  string      // of Path, by name where it has one, and number
	Mode   fs.FileMode // of Path, with its type; on Windows only that
	Access string      // who can do what, of an access list, as "may be changed by NAME"; "": Mode says it
	Remedy string      // a command
}

// Error says what is wrong and, behind a semicolon, what to do about it.
func (e *Error) Error() string {
	what := "it"
	if e.Path != e.File || e.Mode.Type() == fs.ModeSymlink {
		what = kind(e.Mode) + " " + e.Path
	}
	access := cmp.Or(e.Access, "has mode "+octal(e.Mode))
	return fmt.Sprintf("%s is not used, because other users can change it: %s belongs to %s and %s; to put it right: %s",
		e.File, what, e.Owner, access, e.Remedy)
}

// Unwrap returns ErrExposed.
func (e *Error) Unwrap() error { return ErrExposed }

// kind names what a path leads to.
func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "the directory"
	case mode.Type() == fs.ModeSymlink:
		return "the link"
	}
	return "the file"
}

// octal is a mode as chmod takes it.
func octal(mode fs.FileMode) string {
	bits := uint32(mode.Perm())
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return fmt.Sprintf("%04o", bits)
}
