package server

// ListenOptions say which users can get at the socket. What they may do there is for the Server.
type ListenOptions struct {
	// Shared is for an agent of the whole machine: everybody can get at the socket, whose mode is
	// 0666 in place of 0600. A directory that has to be made gets mode 0755 in place of 0700. On
	// Windows everybody who has logged in can open the pipe, and else only this user, the system and
	// administrators.
	Shared bool
}
