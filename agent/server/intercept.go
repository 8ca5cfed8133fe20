package server

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
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

// isAddressed reports whether a Host header means the host. A dot at a name's end stands for the root
// of all names, as in what CONNECT names (package tunnel).
func (v *via) isAddressed(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "443"
	}
	return strings.EqualFold(strings.TrimSuffix(name, "."), v.host) && (port == "443" || port == "80")
}

// isProxied reports whether a request is made of a proxy: its target is not a path, nor what has none.
func isProxied(r *http.Request) bool {
	return !strings.HasPrefix(r.RequestURI, "/") && r.RequestURI != "*"
}

// unwrap makes a request that is made of a proxy, by a whole URL, one for Anaplan's host that the URL
// names. From then on its target is a path.
func (c *call) unwrap() *agent.Problem {
	if !isProxied(c.r) {
		return nil
	}
	host, problem := c.anaplanHost()
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

// anaplanHost returns which of Anaplan's hosts a URL names, if it is one, at its scheme's port.
func (c *call) anaplanHost() (string, *agent.Problem) {
	port := map[string]string{"http": "80", "https": "443"}[c.r.URL.Scheme]
	if c.server.config.Authority == nil || port == "" || c.r.URL.Host == "" {
		return "", agent.Problemf(agent.CodeBadRequest, "the request line has a whole URL, or none; send the path alone, for the agent is not a forward proxy")
	}
	host := strings.TrimSuffix(strings.ToLower(c.r.URL.Hostname()), ".")
	switch {
	case !c.server.config.Authority.Signs(host):
		return "", elsewhereProblem(agent.Problemf(agent.CodeNotAllowed, "the agent takes whole URLs for Anaplan's hosts only, and %s is not one of them", shown(c.r.URL.Host)))
	case cmp.Or(c.r.URL.Port(), port) != port || strings.HasSuffix(c.r.URL.Host, ":"):
		return "", wrongPort(port, c.r.URL.Host)
	}
	return host, nil
}

func wrongPort(port, target string) *agent.Problem {
	return agent.Problemf(agent.CodeBadRequest, "Anaplan's hosts are at port %s, and %s names another port", port, shown(target))
}

// elsewhereProblem is a problem with what to do about a host that is not reached by the agent.
func elsewhereProblem(problem *agent.Problem) *agent.Problem {
	problem.Hints = []string{"name the host in NO_PROXY, so that the program connects to it by itself"}
	return problem
}

// connect answers CONNECT: on the connection there is TLS from then on, and within it requests for one
// of Anaplan's hosts; or it is a tunnel to another host.
func (c *call) connect() *agent.Problem {
	c.route = connectRoute
	if c.via != nil || hasBody(c.r) {
		return agent.Problemf(agent.CodeBadRequest, "there is no room for that tunnel")
	}
	proof, problem := c.enter()
	if problem != nil {
		return problem
	}
	target, err := tunnel.Parse(c.r.RequestURI)
	if err != nil {
		return agent.Problemf(agent.CodeBadRequest, "CONNECT %s: %v", shown(c.r.RequestURI), err)
	}
	if problem := c.charge(costLogin); problem != nil {
		return problem
	}
	switch {
	case !c.server.config.Authority.Signs(target.Host):
		return c.connectOther(proof, target)
	case target.Port != 443:
		return wrongPort("443", target.String())
	}
	leaf, err := c.server.config.Authority.Leaf(target.Host)
	if err != nil {
		return c.badCA(err)
	}
	return c.begin(&via{target.Host, proof}, leaf)
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
	ended := tls.Server(&prefixed{conn, bytes.NewReader(early), leaf}, c.server.tls)
	c.conn.among.replace(c.conn, &admitted{
		Conn: ended, under: conn, via: via,
		caller: c.caller, leave: c.conn.leave, among: c.conn.among, networkUser: c.conn.networkUser,
	})
	return nil
}

// tlsConfig is for all tunnels, so that a program that opens another goes on with the session that it
// has. Which host a tunnel is for was said before TLS began. curl -0 takes no protocol but HTTP/1.0.
func tlsConfig() *tls.Config {
	return &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return hello.Conn.(*prefixed).leaf, nil },
		MinVersion:     tls.VersionTLS12, NextProtos: []string{"http/1.1", "http/1.0"},
	}
}

// replace has a connection go on as another one, within it. Before TLS begins there some programs read
// all certificates of the system, which takes seconds where a machine has much to do.
func (c *connections) replace(outer, inner *admitted) {
	inner.due.Store(c.clock.Load() + c.tls)
	c.add(inner)
	c.remove(outer)
	if !c.within.Put(inner) {
		inner.cut()
		c.remove(inner)
	}
}

// prefixed is a connection of which something has been read already, and on which TLS ends with a
// certificate.
type prefixed struct {
	net.Conn
	early *bytes.Reader
	leaf  *tls.Certificate
}

// Read implements io.Reader.
func (p *prefixed) Read(to []byte) (int, error) {
	if p.early.Len() > 0 {
		return p.early.Read(to)
	}
	return p.Conn.Read(to)
}
