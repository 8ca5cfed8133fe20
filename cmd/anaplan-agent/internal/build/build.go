// Package build says what this program is.
package build

import (
	"os"
	"runtime/debug"
)

// Program is the program's name.
const Program = "anaplan-agent"

// Self returns where this program is, also after its file has been replaced.
func Self() string {
	const running = "/proc/self/exe"
	if _, err := os.Stat(running); err == nil {
		return running
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return os.Args[0]
}

// Version returns the module's version, or the revision that it was built from, as the Go command
// has put it into the binary: builds by "go install" have it too, and need no linker flag.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok { // a build without modules
		return "unknown"
	}
	return info.Main.Version
}
