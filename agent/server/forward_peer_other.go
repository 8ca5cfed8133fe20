//go:build !linux

package server

import (
	"net"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// userOfTCP returns nobody: only Linux tells whose socket is at the other end of a TCP connection.
func userOfTCP(_, _ net.Addr) int { return local.Nobody }
