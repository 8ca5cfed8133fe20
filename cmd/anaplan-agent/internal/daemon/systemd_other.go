//go:build !linux

package daemon

import (
	"context"
	"net"
)

// isJournal returns false: only Linux has journald.
func isJournal() bool { return false }

// inheritedListener returns nil: only systemd passes sockets.
func inheritedListener() (net.Listener, error) { return nil, nil }

// supervisor does nothing here.
type supervisor struct{}

func (supervisor) ready(string)                       {}
func (supervisor) status(string)                      {}
func (supervisor) reloading()                         {}
func (supervisor) stopping()                          {}
func (supervisor) watch(context.Context, func() bool) {}
