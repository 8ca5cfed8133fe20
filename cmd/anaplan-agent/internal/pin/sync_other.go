//go:build !linux

package pin

import (
	"os"
	"runtime"
)

// syncData brings what was written in place to the disk.
func syncData(file *os.File) error { return file.Sync() }

// syncDirectory brings a new name to the disk. Windows has no such call, and does so by
// itself.
func syncDirectory(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
