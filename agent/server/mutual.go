package server

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

// Callers on other machines come over mutual TLS. Who they are is said by their certificates, and by
// nothing else: a secret works on the machine only for which it was made.

// certificateKind is in front of the name in a certificate that a phantom token is bound to, where
// others have a user of this machine.
const certificateKind = "certificate:"

// ServeTLS is Serve for callers on other machines: a TCP port at any address.
func (s *Server) ServeTLS(ctx context.Context, listener net.Listener) error {
	if s.config.Identity == nil {
		listener.Close()
		return errors.New("serving other machines: there is no certificate to show to them")
	}
	return s.serve(ctx, listener, s.config.Identity.Guard())
}

// protect has a connection from another machine speak TLS.
func (a *admitted) protect(guard *mutualtls.Guard) {
	a.under, a.networkUser = a.Conn, func() int { return local.Nobody }
	a.Conn = guard.Protect(a.Conn)
}

// meet notes who a caller on another machine is. Its first request has come, so there was a handshake.
func (c *call) meet() {
	if conn, ok := c.conn.Conn.(*mutualtls.Conn); ok && c.caller.remote == nil {
		c.caller.remote = conn.Peer()
	}
}

// knowRemote returns why a caller on another machine is not trusted any more, and what none of them
// may do.
func (c *call) knowRemote() *agent.Problem {
	if !c.caller.mutual {
		return nil
	}
	if err := c.server.config.Identity.Check(c.caller.remote); err != nil {
		c.w.Header().Set("Connection", "close")
		return c.refused(agent.Problemf(agent.CodeUnauthorized, "the caller's certificate is not trusted any more: %v", err), Record{Call: c.refusedCall()})
	}
	if problem := c.meetMember(); problem != nil {
		return problem
	}
	if isProxied(c.r) {
		return agent.Problemf(agent.CodeBadRequest, "the agent is a proxy for programs of its own machine only; send the path alone")
	}
	c.server.callers.Note(mutualtls.Caller{Names: c.caller.remote.Names, Address: mutualtls.HostOf(c.conn.RemoteAddr()), At: c.began})
	return nil
}

// isOneOf reports whether one of the names is a client's; nil has none.
func (p *Client) isOneOf(names []string) bool {
	return p != nil && slices.ContainsFunc(names, func(name string) bool { return slices.Contains(p.Certificates, name) })
}

// remoteAccount returns whose connection it is; "" for somebody's whom no client has.
func remoteAccount(c *call) string {
	if len(clientsOfPeer(c)) == 0 && !c.isMember() {
		return ""
	}
	return certificateKind + c.certificateOf("")
}

// certificateOf returns the name in the caller's certificate by which it is the client of that
// principal, or else the first that it has.
func (c *call) certificateOf(principal string) string {
	names := c.caller.remote.Names
	if client := c.server.config.Clients()[strings.TrimPrefix(principal, clientKind)]; client != nil {
		for _, name := range names {
			if slices.Contains(client.Certificates, name) {
				return name
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// remotePrincipal returns the client that a caller on another machine is by its certificate. A phantom
// token that it has got here says which one, if it is several.
func remotePrincipal(c *call) (*principal, *agent.Problem) {
	if c.origin != nil {
		return memberPrincipal(c)
	}
	name := c.r.Header.Get(local.HeaderClient)
	switch header := c.r.Header["Authorization"]; {
	case len(c.r.Header[local.HeaderClient]) > 1:
		return nil, agent.Problemf(agent.CodeBadRequest, "there are %d headers %s; send one", len(c.r.Header[local.HeaderClient]), local.HeaderClient)
	case len(header) > 1:
		return nil, agent.Problemf(agent.CodeBadRequest, "there are %d Authorization headers; send one", len(header))
	case len(header) == 1:
		token, ok := tokenIn(header[0])
		if !ok || !phantom.Is(token) {
			return nil, stranger(c, "no secret works from another machine: the certificate says who is calling; send no Authorization header, or AnaplanAuthToken with a token of this agent's")
		}
		held, problem := findPhantom(c, token)
		if problem != nil {
			return nil, problem
		}
		name = strings.TrimPrefix(held.Client, clientKind)
	}
	if name == "" {
		names := clientsOfPeer(c)
		if len(names) > 1 {
			problem := agent.Problemf(agent.CodeBadRequest, "the certificate for %s is several clients, %s: say which one", c.certificateOf(""), strings.Join(names, ", "))
			problem.Hints = []string{"send the header " + local.HeaderClient + ": NAME; an edge writes ?client=NAME behind the member's address"}
			return nil, problem
		}
		if len(names) == 0 {
			return nil, noRemoteClient(c, "")
		}
		name = names[0]
	}
	client := c.server.config.Clients()[name]
	if client == nil || !c.caller.is(client) {
		return nil, noRemoteClient(c, name)
	}
	return ofClient(c, name, client)
}

// noRemoteClient says that a caller on another machine is not a client, or not that one.
func noRemoteClient(c *call, wanted string) *agent.Problem {
	names := c.caller.remote.Names
	if len(names) == 0 {
		problem := agent.Problemf(agent.CodeNotAllowed, "the caller's certificate has neither a SPIFFE id nor a DNS name")
		if all := c.caller.remote.Shown; len(all) > 0 {
			problem.Message = "the caller's certificate is for " + strings.Join(all, ", ") + ", and has neither a SPIFFE id nor a DNS name without wildcards, by which a client is known"
		}
		return c.refused(problem, Record{})
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "no client of this agent has the certificate for %s", strings.Join(names, ", "))
	if wanted != "" {
		problem.Message = "the certificate for " + strings.Join(names, ", ") + " is not the client " + shown(wanted) + ", or there is none of that name"
	}
	problem.Hints = []string{`in the configuration of the agent that is called: certificates = ["` + names[0] + `"] in the client's table, and then: anaplan-agent reload`}
	record := Record{Call: c.refusedCall()}
	if wanted != "" {
		record.Client = knownClient(c, wanted)
	}
	return c.refused(problem, record)
}

// beClient refuses a caller on another machine that is not a client.
func (c *call) beClient() *agent.Problem {
	if c.caller.mutual && len(clientsOfPeer(c)) == 0 && !c.isMember() {
		return noRemoteClient(c, "")
	}
	return nil
}

// remoteCaller says who is calling from another machine; nil: nobody is.
func (c *call) remoteCaller() *local.RemoteCaller {
	if !c.caller.mutual {
		return nil
	}
	caller := c.server.remoteCaller(mutualtls.Caller{Names: c.caller.remote.Names, Address: mutualtls.HostOf(c.conn.RemoteAddr())})
	return &caller
}

// remoteCaller says which clients somebody on another machine is, as the configuration is now.
func (s *Server) remoteCaller(caller mutualtls.Caller) local.RemoteCaller {
	told := local.RemoteCaller{Certificate: strings.Join(caller.Names, ", "), Address: caller.Address, At: caller.At.Round(time.Second)}
	for name, client := range s.config.Clients() {
		if client.isOneOf(caller.Names) {
			told.Clients = append(told.Clients, name)
		}
	}
	slices.Sort(told.Clients)
	return told
}

// tlsStatus says how the certificate for other machines does.
func (c *call) tlsStatus() *local.TLSStatus {
	config := &c.server.config
	if config.Identity == nil {
		return nil
	}
	state := config.Identity.State()
	status := &local.TLSStatus{Names: state.Names, NotAfter: state.NotAfter}
	if config.TLSAddress != nil {
		status.Address = config.TLSAddress()
	}
	if state.Problem != nil && c.caller.admin {
		status.Problem = state.Problem.Error()
	} else if state.Problem != nil { // which names files
		status.Problem = "the agent's certificate files cannot be used; its log says why"
	}
	if c.caller.admin {
		for _, caller := range c.server.callers.Late(time.Now()) {
			status.Callers = append(status.Callers, c.server.remoteCaller(caller))
		}
	}
	return status
}
