package paths

// Where the agent's socket is. The agent and the commands must find the same place without being
// told.

import "path/filepath"

// SocketName is the socket's, in whatever directory.
const SocketName = "agent.sock"

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
