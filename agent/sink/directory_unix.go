//go:build unix

package sink

import "io/fs"

// everybodyMayReplace reports whether every user may exchange a file in a directory, for
// one of theirs: where all may write and no sticky bit keeps files with their owners.
func everybodyMayReplace(directory fs.FileInfo) bool {
	return directory.Mode().Perm()&0o002 != 0 && directory.Mode()&fs.ModeSticky == 0
}
