package local

import (
	"net"

	"golang.org/x/sys/windows"
)

// PeerOf takes the peer for this user. Windows does not tell the user at the other end of a unix
// socket; but the agent has made sure that only this user, the system and administrators can get at
// the directory in which it lies, and the client that nobody else can have put it there.
func PeerOf(*net.UnixConn) (Peer, error) {
	return Peer{UID: Nobody, GID: Nobody, SID: Self()}, nil
}

// Self is this user, as [Peer.User] has it; "" if Windows does not say.
func Self() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// root is the user that may do everything: the system itself.
const root = "S-1-5-18"

func executableOf(int) string { return "" }
