package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// linkNew gives a file a name that nothing has. Some file systems know no hard links.
func linkNew(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) {
		return fs.ErrExist
	}
	if _, there := os.Lstat(to); !errors.Is(there, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return os.Rename(from, to)
}
