//go:build !linux && !darwin

package daemon

import "net"

// inheritedListener returns nil: only systemd and launchd pass sockets.
func inheritedListener() (net.Listener, error) { return nil, nil }
