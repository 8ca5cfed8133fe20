//go:build unix

package listen

import "net"

// Restore is what Keep does each second for a listener of On's.
func Restore(socket net.Listener) (bool, error) { return socket.(*listener).restore() }
