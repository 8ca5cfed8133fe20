//go:build unix

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file the owner of the one that it replaces. Who may not do that writes
// what is their own.
func keepOwner(file *os.File, before fs.FileInfo) error {
	owner := before.Sys().(*syscall.Stat_t)
	if os.Geteuid() != 0 {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}
