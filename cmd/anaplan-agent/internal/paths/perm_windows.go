package paths

import (
	"errors"
	"io/fs"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// OthersMayRead reports whether somebody else may read a file, or change it, by its access list.
func OthersMayRead(path string, _ fs.FileInfo) bool {
	return errors.Is(owned.CheckPrivate(path), owned.ErrExposed)
}
