//go:build !linux

package pin

import (
	"os"
)

// syncData brings what was written in place to the disk.
func syncData(file *os.File) error { return file.Sync() }
