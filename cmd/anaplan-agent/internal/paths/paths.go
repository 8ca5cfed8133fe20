// Package paths knows where the program keeps what it must find again, and what the file
// system tells of it.
package paths

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
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

// State is where the program keeps what it must remember between runs: the service's state
// directory (systemd.exec(5), StateDirectory=), since a service may not reach a home; else that of
// the XDG base directory specification, which says to ignore relative paths. "" if there is
// neither: then nothing is remembered.
func State() string {
	// Of several, which a colon separates, the first is the unit's main one.
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(dir) {
		return dir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, build.Program)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", build.Program)
}

// KeyDirectories are the directories that a key of marks may lie in, never the state's: whatever
// leaks the state must not leak the key too. The cache comes first, since backups leave it out;
// package pin says what is lost with it. The runtime directories are for services without a home.
func KeyDirectories() []string {
	var dirs []string
	for _, variable := range []string{"CACHE_DIRECTORY", "XDG_CACHE_HOME", "HOME", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"} {
		dir, _, _ := strings.Cut(os.Getenv(variable), ":")
		switch {
		case !filepath.IsAbs(dir):
			continue
		case variable == "HOME":
			dir = filepath.Join(dir, ".cache")
		}
		if !strings.HasSuffix(variable, "_DIRECTORY") {
			dir = filepath.Join(dir, build.Program)
		}
		if dir != State() {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
