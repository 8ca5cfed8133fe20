//go:build unix

package daemon

import "os"

// openGrowing opens a file to add to it.
func openGrowing(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}
