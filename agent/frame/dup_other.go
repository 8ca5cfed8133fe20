//go:build !linux && !windows

package frame

import "golang.org/x/sys/unix"

// dup2 is dup2(2).
func dup2(from, to int) error { return unix.Dup2(from, to) }
