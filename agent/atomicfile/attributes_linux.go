package atomicfile

import (
	"bytes"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// keepAttributes copies extended attributes: ACLs, labels, what users have added. The mode of a
// file with an ACL does not tell all who may read it.
func keepAttributes(file *os.File, from string) error {
	names := make([]byte, 64<<10) // the most that there can be (XATTR_LIST_MAX)
	n, err := unix.Listxattr(from, names)
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return os.NewSyscallError("listxattr", err)
	}
	value := make([]byte, 64<<10) // XATTR_SIZE_MAX
	for name := range bytes.SplitSeq(names[:n], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		size, err := unix.Getxattr(from, string(name), value)
		if err == nil {
			err = setAttribute(file, string(name), value[:size])
		}
		if err != nil {
			return os.NewSyscallError("setxattr", err)
		}
	}
	return nil
}

// setAttribute sets an attribute, unless the file has it as it should be from its directory,
// as labels are: setting those may be forbidden.
func setAttribute(file *os.File, name string, want []byte) error {
	has := make([]byte, len(want)+1)
	n, err := unix.Fgetxattr(int(file.Fd()), name, has)
	if err == nil && bytes.Equal(has[:n], want) {
		return nil
	}
	return unix.Fsetxattr(int(file.Fd()), name, want, 0)
}
