package local

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peerOfSocket reads SO_PEERCRED (unix(7)). For the end that connected, it is the process
// that called listen(2) which is at the other end: for an activated socket, systemd.
func peerOfSocket(fd int) (Peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	groups, err := groupsOfSocket(fd)
	if errors.Is(err, unix.ENOPROTOOPT) { // before Linux 4.13
		groups, err = groupsOfUser(int(cred.Uid)), nil
	}
	if err != nil {
		return Peer{}, err
	}
	return Peer{UID: int(cred.Uid), GID: int(cred.Gid), PID: int(cred.Pid), Groups: groups}, nil
}

// groupsOfSocket reads SO_PEERGROUPS. The kernel says ERANGE and the size that it wants
// where there are more groups than expected.
func groupsOfSocket(fd int) ([]int, error) {
	ids := make([]uint32, 32)
	for {
		size := uint32(4 * len(ids))
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&ids[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == unix.ERANGE && int(size) > 4*len(ids):
			ids = make([]uint32, size/4)
		case errno != 0:
			return nil, errno
		default:
			return toInts(ids[:size/4]), nil
		}
	}
}

func toInts(ids []uint32) []int {
	var ints []int
	for _, id := range ids {
		ints = append(ints, int(id))
	}
	return ints
}

// groupsOfUser is the second best: what the group database says, not what the process has.
func groupsOfUser(uid int) []int {
	account, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return nil
	}
	texts, err := account.GroupIds()
	if err != nil {
		return nil
	}
	var groups []int
	for _, text := range texts {
		if gid, err := strconv.Atoi(text); err == nil {
			groups = append(groups, gid)
		}
	}
	return groups
}

// executableOf returns the program of a process, "" without the right to see it.
func executableOf(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return path
}
