package daemon

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetCode takes the pages of this program's own code out of its memory, of which a
// start and a login have gathered more than the heap has. They stay in the page cache, and
// those that are needed come back from there one by one (madvise(2), MADV_DONTNEED). Only
// code is: nothing is ever written to it, so nothing can be lost.
func forgetCode() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		if from, to, ok := codeOf(lines.Text(), self); ok {
			unix.RawSyscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
		}
	}
}

// codeOf returns where a line of /proc/self/maps (proc_pid_maps(5)) says that code of a
// file is; false if it is about something else.
func codeOf(line, file string) (from, to uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || fields[1] != "r-xp" || strings.Join(fields[5:], " ") != file {
		return 0, 0, false
	}
	first, last, _ := strings.Cut(fields[0], "-")
	begin, err1 := strconv.ParseUint(first, 16, 64)
	end, err2 := strconv.ParseUint(last, 16, 64)
	return uintptr(begin), uintptr(end), err1 == nil && err2 == nil && begin < end
}
