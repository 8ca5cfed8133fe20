package main

// Where the agent's socket is. Who serves and who asks must come to the same place
// without being told.

import (
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

const (
	// socketName is the socket's, in whatever directory.
	socketName = "agent.sock"

	// systemSocket is where the agent of the whole machine listens.
	systemSocket = "/run/anaplan-agent/" + socketName
)

// socketDirectories returns where the usual sockets are: an agent that finds no better place
// for its notes of PINs writes them there.
func socketDirectories() (dirs []string) {
	for _, socket := range usualSockets() {
		dirs = append(dirs, filepath.Dir(socket))
	}
	return dirs
}

// ownSocket returns where the agent of this user listens.
func ownSocket() string { return usualSockets()[0] }

// usualSockets returns where an agent may listen that this user can ask, the user's own
// first: in the runtime directory of the session (XDG base directory specification),
// without a session beside the state; then the machine's.
func usualSockets() []string {
	var sockets []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		sockets = append(sockets, filepath.Join(dir, program, socketName))
	}
	if dir := paths.State(); dir != "" && os.Geteuid() != 0 { // root's is the machine's
		sockets = append(sockets, filepath.Join(dir, socketName))
	}
	return append(sockets, systemSocket)
}
