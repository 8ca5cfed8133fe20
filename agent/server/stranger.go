package server

import (
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

// Strangers may do nothing here, until they show more. They have few connections together, and make
// room for each other: a local port has no other way to tell which are worth waiting for. Accounts
// by the user at the other end would not tell either: /proc/net/tcp takes longer the more
// connections an attacker has open, a socket of NETLINK_SOCK_DIAG is more than the service may
// have, other systems have neither, and in a container everybody may be the same user.

// isIntroduced notes a stranger that may do something by now, and reports whether there is room for
// the connection.
func isIntroduced(c *call) bool {
	if c.caller.known {
		return true
	}
	name := introduction(c)
	return name == "" || c.server.gate.introduce(c.caller, name)
}

// introduction returns which client's or user's connection it is; "" for a stranger's.
func introduction(c *call) string {
	config := &c.server.config
	if c.caller.mutual {
		return remoteAccount(c)
	}
	if !c.caller.network {
		if config.knows(c.caller) { // as the configuration is now
			return userName(c.caller.peer)
		}
		return ""
	}
	token := ""
	name, secret, basic := login(c.r)
	switch {
	case basic && !phantom.Is(secret):
		if config.Clients()[name].hasSecret(secret) {
			return clientKind + name
		}
		return ""
	case basic:
		token = secret
	case len(c.r.Header["Authorization"]) == 1:
		token, _ = tokenIn(c.r.Header["Authorization"][0])
	}
	held, err := config.Phantoms.Find(token)
	if name, isClient := strings.CutPrefix(held.Client, clientKind); err != nil || isClient && config.Clients()[name] == nil {
		return ""
	}
	return held.Client
}

// login returns the name and the secret in a request, where they stand in one that is made of a proxy.
func login(r *http.Request) (name, secret string, ok bool) {
	if isProxied(r) {
		return proxyLogin(r)
	}
	if len(r.Header["Authorization"]) != 1 {
		return "", "", false
	}
	return r.BasicAuth()
}

// knows reports whether a user of the machine may do anything: use a profile, or be a client.
func (c *Config) knows(who *caller) bool {
	if c.mayAny(who) {
		return true
	}
	for _, client := range c.Clients() {
		if who.is(client) {
			return true
		}
	}
	return false
}

// mayAny reports whether the caller is an administrator or may use any profile.
func (c *Config) mayAny(who *caller) bool {
	if who.admin {
		return true
	}
	for _, profile := range c.Profiles() {
		if who.may(profile) {
			return true
		}
	}
	return false
}
