package paths

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// Unix's paths mean something here, too: /run is C:\run, which any user may create. So what is
// looked for without being named is looked for in the folders that Windows has for it.

// SystemSocket is the named pipe of the agent of the whole machine. Anybody may have made it, so
// clients look whose it is.
func SystemSocket() string { return `\\.\pipe\` + build.Program }

// systemConfig is the machine's configuration file.
func systemConfig() string { return ofMachine(configName) }

// isRoot reports that nobody is: an administrator is a user with files of their own.
func isRoot() bool { return false }

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
	if sid := self(); sid != "" && !isService(sid) { // a service's is the machine's
		sockets = append(sockets, SystemSocket()+"-"+sid)
	}
	return append(sockets, SystemSocket())
}

// self returns this user's identifier; "" if Windows does not say.
func self() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// isService reports whether a user is one that only services have ("Well-known SIDs", Windows).
func isService(sid string) bool {
	const local, network, own = "S-1-5-19", "S-1-5-20", "S-1-5-80-"
	return slices.Contains([]string{"S-1-5-18", local, network}, sid) || strings.HasPrefix(sid, own)
}

// SocketDirectories returns none: a named pipe has no directory.
func SocketDirectories() []string { return nil }

// DirectoryOf returns "", for the same reason.
func DirectoryOf(string) string { return "" }
