package paths

import (
	"fmt"
	"io/fs"
	"syscall"
)

// identity tells which file it is, and when its inode last changed: programs can set the other
// times.
func identity(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d %d %d.%d", stat.Dev, stat.Ino, stat.Ctim.Sec, stat.Ctim.Nsec)
}
