// Package build says what this program is.
package build

import (
	"os"
	"os/exec"
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
