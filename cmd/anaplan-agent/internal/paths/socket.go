package paths

// Where the agent's socket is. The agent and the commands must find the same place without being
// told.

// SocketName is the socket's, in whatever directory. On Windows it is a named pipe, which has none.
const SocketName = "agent.sock"

// OwnSocket returns where the agent of this user listens.
func OwnSocket() string { return UsualSockets()[0] }
