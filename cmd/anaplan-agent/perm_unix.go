//go:build unix

package main

import "io/fs"

// othersMayRead reports whether the group or everybody may read a file, or write to
// it, by which they could have another PIN sent until the token locks.
func othersMayRead(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
