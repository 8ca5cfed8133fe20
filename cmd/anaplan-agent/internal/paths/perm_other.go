//go:build !unix

package paths

import "io/fs"

// OthersMayRead cannot tell from the mode bits of this system, which Go makes up:
// access is a matter of access control lists here.
func OthersMayRead(fs.FileInfo) bool { return false }
