package doctor

// Who has a device: as far as the kernel shows it to this user.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// knownHolders are programs that hold cards although they go by no library that could be
// looked for.
var knownHolders = []string{"scdaemon"}

// mostHolders bounds the list: a library may be in every program of a desktop.
const mostHolders = 8

// holders names the processes that have loaded a library whose file name has that in it, or
// have locked one of the files: ": gpg-agent (123), …"; "" if none shows.
func holders(library string, locked []uint64) string {
	var found []string
	processes, _ := filepath.Glob("/proc/[0-9]*")
	owners := lockOwners(locked)
	for _, directory := range processes {
		pid, err := strconv.Atoi(filepath.Base(directory))
		if err != nil || pid == os.Getpid() || pid == os.Getppid() {
			continue
		}
		name, err := os.ReadFile(filepath.Join(directory, "comm"))
		if err != nil {
			continue
		}
		command := string(bytes.TrimSpace(name))
		maps, _ := os.ReadFile(filepath.Join(directory, "maps"))
		has := library != "" && (bytes.Contains(maps, []byte(library)) || slices.Contains(knownHolders, command))
		if has && command != "pcscd" || slices.Contains(owners, pid) {
			found = append(found, fmt.Sprintf("%s (process %d)", command, pid))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return ": " + strings.Join(found[:min(len(found), mostHolders)], ", ")
}

// lockFiles returns the inodes of the files of a directory.
func lockFiles(dir string) (inodes []uint64) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.lock"))
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			inodes = append(inodes, stat.Ino)
		}
	}
	return inodes
}

// lockOwners returns which processes hold a lock on one of those files (proc_locks(5)).
func lockOwners(inodes []uint64) (pids []int) {
	locks, _ := os.ReadFile("/proc/locks")
	for line := range strings.Lines(string(locks)) {
		var word string
		var pid, device, inode uint64
		// One that waits for a lock has an arrow before its kind, and so a word in the number's place.
		_, err := fmt.Sscanf(line, "%s %s %s %s %d %x:%x:%d", &word, &word, &word, &word, &pid, &device, &device, &inode)
		if err == nil && slices.Contains(inodes, inode) {
			pids = append(pids, int(pid))
		}
	}
	return pids
}
