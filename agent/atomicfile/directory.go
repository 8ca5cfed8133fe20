package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// MkdirAll makes a directory, and those above it, and brings their names to the disk.
func MkdirAll(dir string, mode fs.FileMode) error {
	info, err := os.Stat(dir)
	if err == nil && info.IsDir() {
		return nil
	}
	if above := filepath.Dir(dir); above != dir && errors.Is(err, fs.ErrNotExist) {
		if err := MkdirAll(above, mode); err != nil {
			return err
		}
	}
	if err := makeDirectory(dir, mode); err != nil {
		return target{named: dir, path: dir}.explain(err)
	}
	return syncDirectory(filepath.Dir(dir))
}

// Remove removes a file, and brings that to the disk. One that is not there is not an error.
func Remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}
