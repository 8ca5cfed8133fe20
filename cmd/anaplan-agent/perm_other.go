//go:build !unix

package main

import "io/fs"

// othersMayRead cannot tell from the mode bits of this system.
func othersMayRead(fs.FileInfo) bool { return false }
