package build

import "os"

// Self returns where this program is, also after its file has been replaced.
func Self() string {
	const running = "/proc/self/exe"
	if _, err := os.Stat(running); err == nil {
		return running
	}
	return path()
}
