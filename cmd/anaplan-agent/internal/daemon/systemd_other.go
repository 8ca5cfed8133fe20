//go:build !linux

package daemon

import "context"

// isJournal returns false: only Linux has journald.
func isJournal() bool { return false }

// supervisor does nothing here.
type supervisor struct{}

func (supervisor) ready(string)                       {}
func (supervisor) status(string)                      {}
func (supervisor) reloading()                         {}
func (supervisor) stopping()                          {}
func (supervisor) watch(context.Context, func() bool) {}
