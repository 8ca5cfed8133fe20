package server

import (
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// networkUser is which user is at the other end of a TCP connection. It is looked up when it is
// first wanted, for that takes as long as there are connections on the machine.
type networkUser struct {
	once sync.Once
	uid  int
}

// user returns the user at the other end of a TCP connection; nobody where that cannot be had.
func (a *admitted) user() int {
	a.networkUser.once.Do(func() { a.networkUser.uid = userOfTCP(a.RemoteAddr(), a.LocalAddr()) })
	return a.networkUser.uid
}

// isStolen reports whether a phantom token was handed out on the unix socket to another user than
// the caller, as far as the kernel tells that. One that was handed out over TCP is for any bearer.
func isStolen(c *call, holder int) bool {
	uid := c.caller.peer.UID
	if c.caller.network {
		uid = c.conn.user()
	}
	switch {
	case holder == local.Nobody, uid == local.Nobody, uid == holder:
		return false
	case c.caller.network:
		return !c.server.config.Admin(local.Peer{UID: uid})
	}
	return !c.caller.admin
}
