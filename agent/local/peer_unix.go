//go:build linux || darwin

package local

import (
	"fmt"
	"net"
)

// PeerOf asks the kernel who is at the other end.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var peer Peer
	var refused error
	if err := raw.Control(func(fd uintptr) { peer, refused = peerOfSocket(int(fd)) }); err != nil {
		return Peer{}, err
	}
	if refused != nil {
		return Peer{}, fmt.Errorf("asking the kernel who is at the other end: %w", refused)
	}
	peer.executable = &executable{pid: peer.PID}
	return peer, nil
}
