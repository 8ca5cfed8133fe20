package local

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// xucredVersion is XUCRED_VERSION (sys/ucred.h), by which the kernel says how the rest is to be read.
const xucredVersion = 0

// peerOfSocket reads LOCAL_PEERCRED and LOCAL_PEERPID (unix(4), sys/un.h), both at the level
// SOL_LOCAL: the effective user and the groups at the moment of connect(2), and of listen(2) for the
// end that connected. The kernel tells at most 16 groups, the first of which is the primary one.
func peerOfSocket(fd int) (Peer, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	if cred.Version != xucredVersion {
		return Peer{}, fmt.Errorf("the kernel tells who is at the other end in version %d of its form, and only %d is known", cred.Version, xucredVersion)
	}
	peer := Peer{UID: int(cred.Uid), GID: Nobody}
	for i, group := range cred.Groups[:min(max(int(cred.Ngroups), 0), len(cred.Groups))] {
		if i == 0 {
			peer.GID = int(group)
			continue
		}
		peer.Groups = append(peer.Groups, int(group))
	}
	if pid, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID); err == nil {
		peer.PID = pid // it is for logs only
	}
	return peer, nil
}

// executableOf knows no way without cgo.
func executableOf(int) string { return "" }
