package local

import "golang.org/x/sys/unix"

// peerOfSocket reads LOCAL_PEERCRED and LOCAL_PEERPID (sys/un.h). The kernel tells at most
// 16 groups, the first of which is the primary one.
func peerOfSocket(fd int) (Peer, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	peer := Peer{UID: int(cred.Uid), GID: -1}
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
