package atomicfile

import (
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Permissions are access lists on Windows, which a file has from its directory unless it gets one of
// its own. A mode that lets nobody else in becomes a list of this user, the system and the
// administrators, who could let themselves in anyway; another mode leaves it to the directory.

// isPrivate reports whether a mode lets nobody else in.
func isPrivate(mode fs.FileMode) bool { return mode.Perm()&0o077 == 0 }

// privateList returns the access list for this user alone. below is the flags with which what is
// made in a directory has it too; "" for a file. (Security Descriptor Definition Language, Win32)
func privateList(below string) (*windows.SECURITY_DESCRIPTOR, error) {
	self, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	list := "D:P"
	for _, who := range []string{self.User.Sid.String(), "SY", "BA"} {
		list += "(A;" + below + ";FA;;;" + who + ")"
	}
	return windows.SecurityDescriptorFromString(list)
}

// attributesFor returns how something is made that has a mode; nil: as its directory says.
func attributesFor(mode fs.FileMode, below string) (*windows.SecurityAttributes, error) {
	if !isPrivate(mode) {
		return nil, nil
	}
	list, err := privateList(below)
	if err != nil {
		return nil, err
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: list}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	return attributes, nil
}

// makeNew makes a file. Unlike one that package os makes it can be renamed while it is open, and
// nobody can open it before it has its access list.
func makeNew(path string, mode fs.FileMode) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	attributes, err := attributesFor(mode, "")
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE|windows.WRITE_DAC,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, attributes, windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// makeDirectory makes a directory, in which everything has its access list.
func makeDirectory(dir string, mode fs.FileMode) error {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	attributes, err := attributesFor(mode, "OICI")
	if err != nil {
		return err
	}
	if err := windows.CreateDirectory(name, attributes); err != nil && err != windows.ERROR_ALREADY_EXISTS {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: err}
	}
	return nil
}

// Chmod gives a file the permissions of a mode, for [Options.Give].
func Chmod(file *os.File, mode fs.FileMode) error {
	if isPrivate(mode) {
		list, err := privateList("")
		if err != nil {
			return err
		}
		return setList(file, list, windows.PROTECTED_DACL_SECURITY_INFORMATION)
	}
	list, err := windows.SecurityDescriptorFromString("D:") // with what the directory adds
	if err != nil {
		return err
	}
	return setList(file, list, windows.UNPROTECTED_DACL_SECURITY_INFORMATION)
}

// keep gives a new file the access list of another.
func keep(file *os.File, like string) error {
	list, err := windows.GetNamedSecurityInfo(like, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	control, _, err := list.Control()
	if err != nil {
		return err
	}
	protect := windows.SECURITY_INFORMATION(windows.UNPROTECTED_DACL_SECURITY_INFORMATION)
	if control&windows.SE_DACL_PROTECTED != 0 {
		protect = windows.PROTECTED_DACL_SECURITY_INFORMATION
	}
	return setList(file, list, protect)
}

// setList gives a file an access list. protect says whether its directory adds to that.
func setList(file *os.File, list *windows.SECURITY_DESCRIPTOR, protect windows.SECURITY_INFORMATION) error {
	entries, _, err := list.DACL()
	if err != nil {
		return err
	}
	return windows.SetSecurityInfo(windows.Handle(file.Fd()), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|protect, nil, nil, entries, nil)
}
