package audit

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// holder says which process has locked the file, as words to follow others; "" if the kernel does
// not tell, as for processes of another container.
func holder(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return ""
	}
	defer locks.Close()
	// A line is: 1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF (proc_locks(5)). The device
	// there is not that of stat(2) on every file system, so the inode must do.
	inode := fmt.Sprintf(":%d", stat.Ino)
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) >= 6 && words[1] == "FLOCK" && strings.HasSuffix(words[5], inode) {
			return fmt.Sprintf(" (process %s%s)", words[4], executable(words[4]))
		}
	}
	return ""
}

// executable returns the program of a process, as words to follow its number.
func executable(process string) string {
	path, err := os.Readlink("/proc/" + process + "/exe")
	if err != nil { // it is somebody else's, or has just ended
		return ""
	}
	return fmt.Sprintf(", %q", path)
}
