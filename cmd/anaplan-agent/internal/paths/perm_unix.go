//go:build unix

package paths

import "io/fs"

// OthersMayRead reports whether the group or everybody may read a file, or write to
// it, by which they could have another PIN sent until the token locks.
func OthersMayRead(_ string, info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
