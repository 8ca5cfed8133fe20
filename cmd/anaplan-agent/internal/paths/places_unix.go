//go:build unix

package paths

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// SystemSocket is where the agent of the whole machine listens.
func SystemSocket() string { return "/run/anaplan-agent/" + SocketName }

// systemConfig is the machine's configuration file.
func systemConfig() string { return filepath.Join("/etc", build.Program, configName) }

// isRoot reports whether this user is the machine's administrator at all times.
func isRoot() bool { return os.Geteuid() == 0 }

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

// UsualSockets returns where an agent may listen that this user can ask, the user's own
// first: in the runtime directory of the session (XDG base directory specification),
// without a session beside the state; then the machine's.
func UsualSockets() []string {
	var sockets []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		sockets = append(sockets, filepath.Join(dir, build.Program, SocketName))
	}
	if dir := State(); dir != "" && !isRoot() { // root's is the machine's
		sockets = append(sockets, filepath.Join(dir, SocketName))
	}
	return append(sockets, SystemSocket())
}

// SocketDirectories returns the directories of the usual sockets. An agent without a better place
// for its notes of PINs writes them there.
func SocketDirectories() (dirs []string) {
	for _, socket := range UsualSockets() {
		dirs = append(dirs, DirectoryOf(socket))
	}
	return dirs
}

// DirectoryOf returns the directory that a socket lies in; "" for none.
func DirectoryOf(socket string) string {
	if socket == "" {
		return ""
	}
	return filepath.Dir(socket)
}
