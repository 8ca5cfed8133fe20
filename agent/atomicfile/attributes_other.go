//go:build unix && !linux

package atomicfile

import "os"

// keepAttributes does nothing.
func keepAttributes(*os.File, string) error { return nil }
