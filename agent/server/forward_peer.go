package server

import (
	"slices"
	"strings"
)

// isStolen reports whether a phantom token was handed out on the unix socket to another user than
// the caller, as far as the kernel tells that. One that was handed out over TCP is for any bearer, and one for
// a certificate for those on other machines that have it.
func isStolen(c *call, holder string) bool {
	if name, isRemote := strings.CutPrefix(holder, certificateKind); isRemote || c.caller.mutual {
		return !isRemote || !c.caller.mutual || !slices.Contains(c.caller.remote.Names, name)
	}
	peer := c.caller.peer
	if c.caller.network {
		peer.UID = c.conn.networkUser()
	}
	switch {
	case holder == "", peer.User() == "", peer.User() == holder:
		return false
	case c.caller.network:
		return !c.server.config.Admin(peer)
	}
	return !c.caller.admin
}
