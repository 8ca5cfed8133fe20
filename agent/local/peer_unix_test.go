//go:build linux || darwin

package local_test

import (
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// TestPeerOf: the kernel tells both ends of a socket who is at the other one.
func TestPeerOf(t *testing.T) {
	socket := place(t)
	listener := listen(t, socket)
	defer listener.Close()
	client, err := local.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for what, conn := range map[string]net.Conn{"the client": conn, "the server": client} {
		peer, err := local.PeerOf(conn)
		if err != nil || peer.UID != os.Geteuid() || peer.GID != os.Getegid() || peer.PID != os.Getpid() || peer.User() != local.Self() || !local.IsRootOrSelf(peer) {
			t.Errorf("%s is %+v, %v", what, peer, err)
		}
		groups, err := os.Getgroups()
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range append(groups, os.Getegid())[:1] {
			if !peer.InGroup(strconv.Itoa(group)) {
				t.Errorf("%s is not in group %d, but in %d and %v", what, group, peer.GID, peer.Groups)
			}
		}
		if peer.InGroup("-1") || peer.InGroup("") {
			t.Errorf("%s is in a group that there is not", what)
		}
	}
	if _, err := local.PeerOf(onlyConn{conn}); err == nil {
		t.Error("who is at the other end of anything is known")
	}
}

// onlyConn hides that a connection is a socket.
type onlyConn struct{ net.Conn }
