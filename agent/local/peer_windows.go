package local

import (
	"net"

	"golang.org/x/sys/windows"
)

// PeerOf takes the peer for this user. Windows does not tell the user at the other end of a unix
// socket; but the agent has made sure that only this user, the system and administrators can get at
// the directory in which it lies, and the client that nobody else can have put it there.
func PeerOf(*net.UnixConn) (Peer, error) {
	return Peer{UID: Self(), GID: -1}, nil
}

// Self is a number for this user: the last part of its account's identifier (SID), which no other
// account of the same machine or domain has. It is never Nobody, as os.Geteuid is here, which says -1
// of everybody.
func Self() int {
	const positive = 1<<31 - 1 // a service's may be any 32 bits
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return positive
	}
	account := user.User.Sid
	return int(account.SubAuthority(uint32(account.SubAuthorityCount())-1) & positive)
}

func executableOf(int) string { return "" }
