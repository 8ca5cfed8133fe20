// Package server is the running agent's end of the way that agent/local describes: HTTP/1.1 with
// JSON over a unix socket or a named pipe, and over loopback TCP for clients of Anaplan's that cannot
// use one.
//
// # What the server answers
//
//	GET  /v1/token?profile=NAME[&refused=GENERATION]   a token; another one than that of the generation
//	GET  /v1/status                                    the profiles that the caller may use
//	POST /v1/login?profile=NAME                        log in again, now
//	POST /v1/logout?profile=NAME                       end the token
//	POST /v1/unlock?profile=NAME                       undo a lock; the body is the PIN, if one is needed (administrators)
//	POST /v1/lock?profile=NAME                         hand out nothing, forget the PIN (administrators)
//	POST /v1/reload                                    read the configuration again (administrators)
//	POST /v1/stop                                      end (administrators)
//	GET  /v1/ca                                        the certificates of the agent's own CA, as PEM
//	POST /v1/ca/new                                    another CA in its place, and that as PEM (administrators)
//	GET  /healthz, /readyz, /metrics                   for monitoring
//
//	POST /token/authenticate, /token/refresh, /token/logout; GET /token/validate
//	     as Anaplan's auth host does, with phantom tokens, which are worth something here only
//	any  /2/..., /1/..., /scim/..., /audit/...
//	     is passed on to Anaplan with the real token, if the policies allow it
//
//	CONNECT HOST:443, and whole URLs
//	     for Anaplan's hosts: the agent ends TLS itself, and what comes is the last two
//
// Over TCP there are only the last three, and /healthz. The Authorization header says what a call is
// made for: Basic with the name and the secret of a client ([Client]), or a phantom token.
// On the unix socket it may be missing: then it is the user at the other end, with the profile or
// as the client that the headers Anaplan-Agent-Profile and Anaplan-Agent-Client name. What the
// agent itself refuses there is in Anaplan's shape, and has the header Anaplan-Agent-Problem.
//
// A request that is made of the agent as a proxy shows who is calling in Proxy-Authorization: Basic with a
// client's name, and with its secret or a phantom token. That counts for all that comes in the tunnel, where
// a login to Anaplan may hold what it likes; 407 asks for it.
//
// A missing profile is the one named default. Every other failure is an [agent.Problem] as JSON,
// {"code", "message", "hints", ...}; the code decides on the HTTP status. A caller that
// sends the header "Anaplan-Agent-Notices: 1" is told what a person should do, such as
// touching the card, by informational responses (status 102) with the header
// "Anaplan-Agent-Notice: KIND MESSAGE", the message percent-encoded. Without the header
// there are none, because some HTTP clients take a 102 for the answer.
//
// # What it refuses
//
// The kernel tells the user at the other end, once for each connection; nothing that the caller
// says counts. Root and the agent's own user, the administrators, may do everything; on Windows the
// system and administrators whose process has these rights are root. A user that
// [Profile.Allow] allows may have the profile's token, but has nothing to do with its PIN: only
// administrators may give one, spend its last try, say that it has changed, lock and unlock.
// Everybody else may do nothing. docs/security.md has a table of these rights, which the tests keep
// true. Over TCP a caller is a stranger until it shows a secret. Requests with an Origin header
// come from a browser and are refused, and so are those over TCP whose Host is not this listener. A
// path that could be read in two ways is not forwarded. Requests and connections have limits in
// size, time and number ([Limits]); beyond them a caller gets an error, and nobody hangs.
package server
