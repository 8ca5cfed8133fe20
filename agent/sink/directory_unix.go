//go:build unix

package sink

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// checkReplaceable refuses a file in a directory in which every user may exchange it for one of
// theirs: where all may write and no sticky bit keeps files with their owners.
func checkReplaceable(path string, directory fs.FileInfo) error {
	if directory.Mode().Perm()&0o002 == 0 || directory.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	name := filepath.Dir(path)
	return fmt.Errorf("everybody may replace files in %s: take another directory, or: %s", name, remedy.Here().ForbidWriting(name))
}
