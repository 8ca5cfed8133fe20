// Package listen makes the socket or pipe on which an agent listens, so that nobody else can have been
// there before it, and looks after the file of a socket as long as the agent lives.
//
//	listener, err := listen.On("/run/anaplan-agent/agent.sock", listen.Options{Shared: true})
//	...
//	go listen.Keep(ctx, listener, logger)
package listen

// Options say which users can get at the socket. What they may do there is for the Server.
type Options struct {
	// Shared is for an agent of the whole machine: everybody can get at the socket, whose mode is
	// 0666 in place of 0600. A directory that has to be made gets mode 0755 in place of 0700. On
	// Windows everybody who has logged in can open the pipe, and else only this user, the system and
	// administrators.
	Shared bool
}
