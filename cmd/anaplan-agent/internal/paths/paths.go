// Package paths knows where the program keeps what it must find again, and what the file
// system tells of it.
package paths

import (
	"fmt"
	"os"
)

// Stamp changes whenever the file does: by its times and size, and by which file it is. ""
// for a file that is not there. Nothing of the content goes into it, for a short PIN could be
// guessed from a hash.
func Stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d %s", info.ModTime().UnixNano(), info.Size(), identity(info))
}
