package paths

// Where the agent's socket is. The agent and the commands must find the same place without being
// told.

import (
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

const (
	// SocketName is the socket's, in whatever directory.
	SocketName = "agent.sock"

	// SystemSocket is where the agent of the whole machine listens.
	SystemSocket = "/run/anaplan-agent/" + SocketName
)

// SocketDirectories returns the directories of the usual sockets. An agent without a better place
// for its notes of PINs writes them there.
func SocketDirectories() (dirs []string) {
	for _, socket := range UsualSockets() {
		dirs = append(dirs, filepath.Dir(socket))
	}
	return dirs
}

// OwnSocket returns where the agent of this user listens.
func OwnSocket() string { return UsualSockets()[0] }

// UsualSockets returns where an agent may listen that this user can ask, the user's own
// first: in the runtime directory of the session (XDG base directory specification),
// without a session beside the state; then the machine's.
func UsualSockets() []string {
	var sockets []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		sockets = append(sockets, filepath.Join(dir, build.Program, SocketName))
	}
	if dir := State(); dir != "" && os.Geteuid() != 0 { // root's is the machine's
		sockets = append(sockets, filepath.Join(dir, SocketName))
	}
	return append(sockets, SystemSocket)
}
