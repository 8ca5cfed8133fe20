package owned

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// mostLinks is how many links Windows follows on the way to a file ("Reparse points", Win32).
const mostLinks = 63

// Check returns an *Error if somebody else can change the file. A file that is not there is not
// refused: opening it gives the better error. One of which nobody can tell whose it is, is.
func Check(path string) error { return (&walk{file: path, final: change}).start() }

// CheckPrivate is Check for a directory that nobody else may even look into.
func CheckPrivate(path string) error { return (&walk{file: path, final: anything}).start() }

// walk goes the way to a file.
type walk struct {
	file  string
	final windows.ACCESS_MASK // what nobody else may do to the file itself
	links int
}

// start begins at the volume. Programs on Windows take .. for the name before it, whatever that is.
func (w *walk) start() error {
	full, err := filepath.Abs(w.file)
	if err != nil || strings.HasPrefix(full, `\\.\`) { // a device, such as NUL
		return nil
	}
	err = w.along(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// along judges each directory on the way, what the way leads to, and each link.
func (w *walk) along(full string) error {
	volume := filepath.VolumeName(full) + `\`
	if err := w.look(volume, takeOver&^windows.DELETE); err != nil { // nobody can delete a volume
		return err
	}
	names := strings.FieldsFunc(full[len(volume)-1:], func(r rune) bool { return r == '\\' })
	path := volume
	for i, name := range names {
		directory := path
		path = filepath.Join(directory, name)
		if target, err := os.Readlink(path); err == nil {
			return w.follow(directory, path, target, names[i+1:])
		}
		refused := takeOver
		if i == len(names)-1 {
			refused = w.final
		}
		if err := w.look(path, refused); err != nil {
			return err
		}
	}
	return nil
}

// follow goes on where a link leads, a junction as well.
func (w *walk) follow(directory, path, target string, rest []string) error {
	if w.links++; w.links > mostLinks {
		return nil // nobody can open it
	}
	if err := w.look(path, change); err != nil {
		return err
	}
	switch {
	case filepath.IsAbs(target):
	case strings.HasPrefix(target, `\`):
		target = filepath.VolumeName(directory) + target
	default:
		target = filepath.Join(directory, target)
	}
	return w.along(filepath.Join(append([]string{target}, rest...)...))
}

// look judges what is at a path, and not what a link there leads to.
func (w *walk) look(path string, refused windows.ACCESS_MASK) error {
	descriptor, err := descriptorOf(path)
	if err != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, windows.ERROR_INVALID_NAME)) {
		return fs.ErrNotExist
	}
	if err != nil {
		return w.refuse(path, nil, "has an access list that this user may not read", "takeown /f "+quote(path))
	}
	return w.judge(path, descriptor, refused)
}

// descriptorOf reads who owns what is at a path, and who may do what to it.
func descriptorOf(path string) (*windows.SECURITY_DESCRIPTOR, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, windows.READ_CONTROL, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, err
	}
	defer windows.CloseHandle(handle)
	return windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
}

// judge refuses what another user owns, or may do to it what is refused.
func (w *walk) judge(path string, descriptor *windows.SECURITY_DESCRIPTOR, refused windows.ACCESS_MASK) error {
	owner, _, err := descriptor.Owner()
	if err != nil || !isTrusted(owner) {
		return w.refuse(path, owner, "may be changed by its owner", "icacls "+quote(path)+" /setowner *"+administrators)
	}
	who, err := stranger(descriptor, refused)
	switch {
	case err != nil:
		return w.refuse(path, owner, "is open, or may be: "+err.Error(), "icacls "+quote(path)+" /reset")
	case who == nil:
		return nil
	case refused == anything:
		return w.refuse(path, owner, "lets in "+nameOf(who), "icacls "+quote(path)+" /inheritance:d /remove:g *"+who.String())
	}
	return w.refuse(path, owner, "may be changed by "+nameOf(who), "icacls "+quote(path)+` /inheritance:d /grant:r "*`+who.String()+`:(RX)"`)
}

func (w *walk) refuse(path string, owner *windows.SID, access, remedy string) error {
	e := &Error{File: w.file, Path: path, Owner: nameOf(owner), Access: access, Remedy: remedy}
	if full, err := filepath.Abs(w.file); err == nil && full == path {
		e.Path = w.file
	}
	if info, err := os.Lstat(path); err == nil {
		e.Mode = info.Mode().Type()
	}
	return e
}

// quote writes a path, which has no quotation marks, as both shells of Windows take it.
func quote(path string) string { return `"` + path + `"` }

// Other returns "": whose a file is, is not looked at here.
func Other(string) (person, command string) { return "", "" }
