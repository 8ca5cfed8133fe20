package loader

import "path/filepath"

// IsPath reports whether a library is named with its directory. Windows has two separators, and
// drives.
func IsPath(name string) bool { return filepath.Base(name) != name }
