package paths

import (
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"golang.org/x/sys/windows"
)

// Unix's paths mean something here, too: /run is C:\run, which any user may create. So what is
// looked for without being named is looked for in the folders that Windows has for it.

// SystemSocket is where the agent of the whole machine listens: in a directory of its own, which
// nobody else may even look into.
func SystemSocket() string { return ofMachine("run", SocketName) }

// systemConfig is the machine's configuration file.
func systemConfig() string { return ofMachine(configName) }

// ofMachine returns a path in the machine's folder, which Windows is asked for: a variable says
// what whoever started this process wants it to say.
func ofMachine(names ...string) string {
	data, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		data = `C:\ProgramData` // where it is unless somebody has moved it
	}
	return filepath.Join(data, build.Program, filepath.Join(names...))
}

// ofUser returns a path in the user's folder for what stays on this machine, %LOCALAPPDATA%; ""
// without one.
func ofUser(names ...string) string {
	data, err := os.UserCacheDir()
	if err != nil || !filepath.IsAbs(data) {
		return ""
	}
	return filepath.Join(data, build.Program, filepath.Join(names...))
}

// State is where the program keeps what it must remember between runs. "" without a folder: then
// nothing is remembered.
func State() string { return ofUser("state") }

// KeyDirectories are the directories that a key of marks may lie in, beside the state and not below
// it: whatever leaks the state must not leak the key too.
func KeyDirectories() (dirs []string) {
	if cache := ofUser("cache"); cache != "" {
		dirs = append(dirs, cache)
	}
	return dirs
}

// UsualSockets returns where an agent may listen that this user can ask, the user's own first.
func UsualSockets() (sockets []string) {
	if own := ofUser("run", SocketName); own != "" {
		sockets = append(sockets, own)
	}
	return append(sockets, SystemSocket())
}
