package listen

import "net"

// LookAfter is Restore for any listener; nil if it has no file.
func LookAfter(socket net.Listener) func() (bool, error) { return lookAfter(socket) }
