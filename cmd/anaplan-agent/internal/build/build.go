// Package build says what this program is.
package build

import (
	"os"
	"os/exec"
	"runtime/debug"
)

// Program is the program's name.
const Program = "anaplan-agent"

// path returns where this program's file was when it was started.
func path() string {
	if path, err := os.Executable(); err == nil {
		return path
	}
	if path, err := exec.LookPath(os.Args[0]); err == nil {
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
