//go:build unix

package paths

import (
	"io/fs"
	"os"
	"syscall"
)

// OthersMayWrite reports whether the group or everybody may write to a file.
func OthersMayWrite(info fs.FileInfo) bool { return info.Mode().Perm()&0o022 != 0 }

// IsSomebodyElses reports whether a file belongs to neither this user nor root.
func IsSomebodyElses(info fs.FileInfo) bool {
	owner, known := ownerNumber(info)
	return known && owner != 0 && owner != os.Geteuid()
}

// ownerNumber returns to which user a file belongs.
func ownerNumber(info fs.FileInfo) (uid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
