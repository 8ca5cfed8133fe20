//go:build linux || darwin

package local

import (
	"fmt"
	"net"
	"syscall"
)

// PeerOf asks the kernel who is at the other end.
func PeerOf(conn net.Conn) (Peer, error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return Peer{}, fmt.Errorf("the kernel knows nobody at the other end of %T", conn)
	}
	raw, err := socket.SyscallConn()
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
