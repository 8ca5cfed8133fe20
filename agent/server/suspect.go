package server

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// elsewhere says that something is there, but not over TCP.
func elsewhere(path string, found bool) string {
	switch {
	case found:
		return ": it is on the agent's unix socket only, where the kernel says who is calling"
	case strings.Contains(path, "//"):
		return ": write one slash where there are two (does the agent's address end with one?)"
	}
	return ""
}

// outdated refuses a request in HTTP/1.0 that sends a body without its length. HTTP/1.0 has no
// chunks, and what follows on the connection may be part of one, so such requests are also the
// last of theirs (RFC 9112 section 6.1).
func (c *call) outdated() *agent.Problem {
	if c.r.ProtoAtLeast(1, 1) {
		return nil
	}
	switch c.r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if c.r.Header["Content-Length"] == nil {
			c.status = http.StatusLengthRequired
			return agent.Problemf(agent.CodeBadRequest, "a request in HTTP/1.0 says how long its body is (Content-Length), or comes in HTTP/1.1")
		}
	}
	return nil
}

// suspect refuses a request that may be a web page's, sent from somebody's browser. A page
// can have its own name lead to this machine (DNS rebinding), but not choose the Host that
// the browser sends.
func (c *call) suspect() *agent.Problem {
	var problem *agent.Problem
	switch {
	case c.r.Header["Origin"] != nil || c.r.Header["Sec-Fetch-Site"] != nil:
		problem = agent.Problemf(agent.CodeNotAllowed, "the request comes from a web page, and the agent serves none")
	case c.via != nil && !c.via.isAddressed(c.r.Host):
		problem = agent.Problemf(agent.CodeBadRequest, "the request is for the host %s, and came for %s", shown(c.r.Host), c.via.host)
	case c.caller.mutual && !c.server.config.Identity.IsAddressed(c.r.Host):
		problem = agent.Problemf(agent.CodeNotAllowed, "the request is for the host %s, which is not in this agent's certificate", shown(c.r.Host))
	case c.via == nil && c.caller.network && !c.caller.mutual && !c.conn.isAddressed(c.r.Host):
		problem = agent.Problemf(agent.CodeNotAllowed, "the request is for the host %s, and not for %s", shown(c.r.Host), c.conn.LocalAddr())
	default:
		return nil
	}
	return c.refused(problem, Record{Call: c.refusedCall()})
}

// isAddressed reports whether a Host header means this listener: what a browser sends for a
// page that has its own name lead here does not.
func (a *admitted) isAddressed(host string) bool {
	addr, ok := a.LocalAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "80"
	}
	name = strings.Trim(name, "[]")
	return port == strconv.Itoa(addr.Port) && (strings.EqualFold(name, "localhost") || addr.IP.Equal(net.ParseIP(name)))
}
