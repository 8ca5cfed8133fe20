package server

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

// proof is what a caller has shown to the proxy. It counts for all that comes on the connection, and is
// looked at again with each request: a client may lose its secret, and a token end.
type proof struct {
	client string       // whose secret, or token, it is
	hash   []byte       // of the secret that it had; nil: it has shown something else
	token  agent.Secret // a phantom token; zero: something else
	as     local.As     // what the user of the socket wants to be
}

// enter returns what the caller shows, if that is good for something.
func (c *call) enter() (*proof, *agent.Problem) {
	shown, problem := proofOf(c)
	if problem == nil {
		_, problem = shown.principal(c)
	}
	if problem != nil && problem.Code == agent.CodeUnauthorized {
		c.status = http.StatusProxyAuthRequired
		c.w.Header()["Proxy-Authenticate"] = basicAuth
	}
	return shown, problem
}

// proofOf returns what the caller shows; it may be worth nothing.
func proofOf(c *call) (*proof, *agent.Problem) {
	shownLogin := c.r.Header["Proxy-Authorization"]
	name, secret, given := proxyLogin(c.r)
	switch {
	case given && phantom.Is(secret):
		return &proof{client: name, token: agent.NewSecret(secret)}, nil
	case given:
		who, problem := clientPrincipal(c, name, secret)
		if problem != nil {
			return nil, problem
		}
		return &proof{client: name, hash: who.client.Secret}, nil
	case len(shownLogin) == 1 && isBasic(shownLogin):
		return nil, withProxyHint(stranger(c, unreadable("Proxy-Authorization")))
	case shownLogin != nil:
		return nil, withProxyHint(stranger(c, "this agent does not take that Proxy-Authorization header"))
	case c.caller.network:
		return nil, withProxyHint(stranger(c, "the proxy's address holds no user and password, and over TCP nothing else says who is calling"))
	}
	return &proof{as: local.As{Profile: c.r.Header.Get(local.HeaderProfile), Client: c.r.Header.Get(local.HeaderClient)}}, nil
}

func withProxyHint(problem *agent.Problem) *agent.Problem {
	told := *problem
	told.Hints = []string{"write the client's name and its secret, or a token of the agent's, into the proxy's address: http://NAME:SECRET@127.0.0.1:PORT"}
	return &told
}

// proxyLogin returns the user and the password that a proxy is shown.
func proxyLogin(r *http.Request) (name, secret string, ok bool) {
	header := r.Header["Proxy-Authorization"]
	if len(header) != 1 {
		return "", "", false
	}
	return (&http.Request{Header: http.Header{"Authorization": header}}).BasicAuth()
}

// principal returns what the proof is good for now.
func (p *proof) principal(c *call) (*principal, *agent.Problem) {
	switch {
	case p.hash != nil:
		client := c.server.config.Clients()[p.client]
		if client == nil || !bytes.Equal(client.Secret, p.hash) {
			return nil, stranger(c, "the client "+shown(p.client)+" has another secret by now")
		}
		return ofClient(c, p.client, client)
	case p.token.IsZero():
		return peerPrincipal(c, p.as)
	}
	held, problem := findPhantom(c, p.token.Reveal())
	if problem != nil {
		return nil, problem
	}
	if name, isClient := strings.CutPrefix(held.Client, clientKind); isClient && name != p.client {
		return nil, withProxyHint(stranger(c, "the token is the client "+shown(name)+"'s, and the proxy's user is "+shown(p.client)))
	}
	return boundPrincipal(c, held)
}
