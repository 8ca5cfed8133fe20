package pin

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData brings what was written in place to the disk. The file's times may stay behind.
func syncData(file *os.File) error {
	return os.NewSyscallError("fdatasync", unix.Fdatasync(int(file.Fd())))
}
