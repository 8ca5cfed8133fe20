//go:build unix

package server

import "net"

// Restore is what a Server does each second for a listener of Listen's.
func Restore(socket net.Listener) (bool, error) { return socket.(*listener).restore() }
