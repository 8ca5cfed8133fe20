//go:build !unix && !windows

package paths

import "io/fs"

// OthersMayRead cannot tell from the mode bits of this system, which Go makes up.
func OthersMayRead(string, fs.FileInfo) bool { return false }
