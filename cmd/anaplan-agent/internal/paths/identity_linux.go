package paths

import (
	"fmt"
	"io/fs"
	"syscall"
)

// identity tells which file it is, and when it was last touched in any way: programs set the
// other times to what they like.
func identity(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%d %d %d.%d", stat.Dev, stat.Ino, stat.Ctim.Sec, stat.Ctim.Nsec)
}
