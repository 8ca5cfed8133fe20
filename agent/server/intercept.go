package server

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Programs have Anaplan's hosts built in, and can be told of a proxy. The server is one: what is
// asked of these hosts, in a tunnel (CONNECT) or by a whole URL, goes the way of every other call. In
// a tunnel TLS ends here. Who is calling is what the caller has shown to the proxy; what it sends as
// its own login to Anaplan is not looked at.

// connectRoute is what CONNECT is observed as.
const connectRoute = "connect"

// via is how a request came that is for one of Anaplan's hosts.
type via struct {
	host  string // "api.anaplan.com"
	proof *proof
}

// isAddressed reports whether a Host header means the host.
func (v *via) isAddressed(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "443"
	}
	return strings.EqualFold(name, v.host) && (port == "443" || port == "80")
}

// isProxied reports whether a request is made of a proxy.
func isProxied(r *http.Request) bool { return r.Method == http.MethodConnect || r.URL.Host != "" }

// unwrap makes a request that is made of a proxy, by a whole URL, one for Anaplan's host that the URL
// names.
func (c *call) unwrap() *agent.Problem {
	if !isProxied(c.r) {
		return nil
	}
	host, problem := c.anaplanHost(c.r.URL.Host, defaultPort(c.r.URL.Scheme))
	if problem != nil {
		return problem
	}
	if c.r.URL.User != nil {
		return agent.Problemf(agent.CodeBadRequest, "the URL holds a user; send a login in the Authorization header")
	}
	if c.via == nil {
		proof, problem := c.enter()
		if problem != nil {
			return problem
		}
		c.via = &via{host, proof}
	}
	_, rest, _ := strings.Cut(c.r.RequestURI, "://")
	slash := strings.IndexByte(rest, '/')
	if slash < 0 {
		return agent.Problemf(agent.CodeBadRequest, "there is no path in the URL %s", shown(c.r.RequestURI))
	}
	c.r.RequestURI, c.r.URL.Scheme, c.r.URL.Host = rest[slash:], "", ""
	return nil
}

// defaultPort is that of a URL's scheme; "" for one that is not HTTP's.
func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// anaplanHost returns which of Anaplan's hosts a target is, if it is one, with its usual port.
func (c *call) anaplanHost(target, port string) (string, *agent.Problem) {
	host, given, err := net.SplitHostPort(target)
	if err != nil {
		host, given = target, port
	}
	host = strings.ToLower(host)
	switch {
	case c.server.config.Authority == nil || port == "":
		return "", agent.Problemf(agent.CodeBadRequest, "the request line has a whole URL, or none; send the path alone, for the agent is not a forward proxy")
	case !c.server.config.Authority.Signs(host):
		problem := agent.Problemf(agent.CodeNotAllowed, "the agent is a proxy for Anaplan's hosts, and %s is not one of them", shown(target))
		problem.Hints = []string{"name the host in NO_PROXY, so that the program connects to it by itself"}
		return "", problem
	case given != port:
		return "", agent.Problemf(agent.CodeBadRequest, "Anaplan's hosts are at port %s, and %s is another", port, shown(target))
	}
	return host, nil
}

// connect answers CONNECT: on the connection there is TLS from then on, and within it requests for one
// of Anaplan's hosts.
func (c *call) connect() *agent.Problem {
	c.route = connectRoute
	if c.via != nil || hasBody(c.r) {
		return agent.Problemf(agent.CodeBadRequest, "there is no room for that tunnel")
	}
	proof, problem := c.enter()
	if problem != nil {
		return problem
	}
	host, problem := c.anaplanHost(c.r.RequestURI, "443")
	if problem != nil {
		return problem
	}
	if problem := c.charge(costLogin); problem != nil {
		return problem
	}
	leaf, err := c.server.config.Authority.Leaf(host)
	if err != nil {
		return c.badCA(err)
	}
	return c.begin(&via{host, proof}, leaf)
}

// established is what a client waits for before it begins with TLS.
const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// begin hands the connection to the server of what is within it.
func (c *call) begin(via *via, leaf *tls.Certificate) *agent.Problem {
	raw, buffered, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return c.problem(err)
	}
	c.status = http.StatusOK
	conn := c.conn.Conn
	if _, err := io.WriteString(conn, established); err != nil {
		raw.Close()
		c.conn.among.remove(c.conn)
		return nil
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	ended := tls.Server(&prefixed{conn, bytes.NewReader(early)}, &tls.Config{
		Certificates: []tls.Certificate{*leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	})
	c.conn.among.replace(c.conn, &admitted{
		Conn: ended, under: conn, via: via,
		caller: c.caller, leave: c.conn.leave, among: c.conn.among, networkUser: c.conn.networkUser,
	})
	return nil
}

// replace has a connection go on as another one, within it.
func (c *connections) replace(outer, inner *admitted) {
	inner.due.Store(c.clock.Load() + c.header)
	c.add(inner)
	c.remove(outer)
	if !c.within.put(inner) {
		inner.cut()
		c.remove(inner)
	}
}

// prefixed is a connection of which something has been read already.
type prefixed struct {
	net.Conn
	early *bytes.Reader
}

// Read implements io.Reader.
func (p *prefixed) Read(to []byte) (int, error) {
	if p.early.Len() > 0 {
		return p.early.Read(to)
	}
	return p.Conn.Read(to)
}
