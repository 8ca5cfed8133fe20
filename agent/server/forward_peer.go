package server

import (
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// isStolen reports whether a phantom token was handed out on the unix socket to another user than
// the caller, as far as the kernel tells that. One that was handed out over TCP is for any bearer.
func isStolen(c *call, holder int) bool {
	uid := c.caller.peer.UID
	if c.caller.network {
		uid = c.conn.networkUser()
	}
	switch {
	case holder == local.Nobody, uid == local.Nobody, uid == holder:
		return false
	case c.caller.network:
		return !c.server.config.Admin(local.Peer{UID: uid})
	}
	return !c.caller.admin
}
