//go:build !linux

package daemon

import (
	"context"
	"net"
)

// inheritedListener returns nil: there is no systemd to open a socket.
func inheritedListener() (net.Listener, error) { return nil, nil }

// supervisor is nobody here.
type supervisor struct{}

func (supervisor) ready(string)                       {}
func (supervisor) status(string)                      {}
func (supervisor) reloading()                         {}
func (supervisor) stopping()                          {}
func (supervisor) watch(context.Context, func() bool) {}
