// Package local is the way to a running agent on the same machine: HTTP/1.1 with JSON over
// a unix socket, on Windows over a named pipe. It has the [Client], for commands and other Go programs; the other end, and
// what it answers, is package agent/server.
//
//	client := local.NewClient("/run/user/1000/anaplan-agent/agent.sock")
//	defer client.Close()
//	token, err := client.Token(ctx, "default", nil)
//	if errors.Is(err, local.ErrNotRunning) {
//		// start it, or do without
//	}
//	request.Header.Set("Authorization", "AnaplanAuthToken "+token.Value.Reveal())
//
// A caller that found the token refused by Anaplan says so by [Client.Replace], and gets another.
//
// The client refuses to speak to a server that is run by anybody but root or its own user, unless
// only root can have put the socket where it is; or, for users other than root and for all but a
// PIN, only root, the client's user and the server's own. On Windows the
// pipe must belong to the user, the system, Administrators or the agent's own service.
package local
