//go:build !unix

package main

import "io/fs"

// othersMayRead cannot tell from the mode bits of this system, which Go makes up:
// access is a matter of access control lists here.
func othersMayRead(fs.FileInfo) bool { return false }
