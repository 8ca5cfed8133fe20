// Package memberuri reads and writes the addresses of keys that another agent has:
//
//	agent:https://agent-1.example:8471
//	agent:https://agent-1.etl.svc:8471?client=nightly&id=spiffe://corp/etl/agent
//
// client is what to be there, where this machine's certificate is several clients. id is the SPIFFE id
// that the other agent must have, in place of a certificate for its host.
package memberuri

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
)

// Scheme is what stands before the first colon.
const Scheme = "agent"

// Attributes of an address.
const (
	clientAttribute = "client"
	idAttribute     = "id"
)

// URI is the address of another agent.
type URI struct {
	Host   string // a name or an IP address, without brackets
	Port   string
	Client string // "": the one that the certificate is
	ID     string // "": it has a certificate for its host
}

// Is reports whether a text is meant to be such an address.
func Is(text string) bool {
	scheme, _, found := strings.Cut(text, ":")
	return found && strings.EqualFold(scheme, Scheme)
}

const sample = "agent:https://HOST:8471"

// Parse reads an address. Its errors do not show the text, which may hold a password.
func Parse(text string) (URI, error) {
	if !Is(text) {
		return URI{}, fmt.Errorf("this is not the address of another agent; write it as %s", sample)
	}
	base, err := url.Parse(text[len(Scheme)+1:])
	switch {
	case err != nil || base.Scheme != "https" || base.Hostname() == "":
		return URI{}, fmt.Errorf("this is not the address of another agent; write it as %s", sample)
	case base.User != nil:
		return URI{}, errors.New("the address of another agent must not hold a user name or a password: its certificate says who this machine is")
	case strings.Trim(base.Path, "/") != "" || base.Fragment != "":
		return URI{}, fmt.Errorf("the address of another agent ends after the port, as %s does; leave out path and fragment", sample)
	case base.Port() == "":
		return URI{}, fmt.Errorf("the port is missing: write it as %s", sample)
	}
	if number, err := strconv.ParseUint(base.Port(), 10, 16); err != nil || number == 0 {
		return URI{}, fmt.Errorf("the port is not a number from 1 to 65535; write it as %s", sample)
	}
	u := URI{Host: strings.ToLower(base.Hostname()), Port: base.Port()}
	if _, err := mutualtls.CheckName(u.Host); err != nil && net.ParseIP(u.Host) == nil {
		return URI{}, fmt.Errorf("its host is neither a DNS name nor an IP address; write it as %s", sample)
	}
	return u, u.readQuery(base.RawQuery)
}

func (u *URI) readQuery(text string) error {
	query, err := url.ParseQuery(text)
	if err != nil {
		return errors.New("what stands behind the ? is not well encoded")
	}
	for name, values := range query {
		if len(values) != 1 || values[0] == "" {
			return fmt.Errorf("%.20q stands behind the ? without one value", name)
		}
		switch name {
		case clientAttribute:
			u.Client = values[0]
		case idAttribute:
			id, err := mutualtls.CheckName(values[0])
			if err != nil || !strings.HasPrefix(id, "spiffe:") {
				return fmt.Errorf("id is not a SPIFFE id; write it as %s?id=spiffe://DOMAIN/PATH", sample)
			}
			u.ID = id
		default:
			return fmt.Errorf("%.20q is not an attribute of another agent's address; there are client and id", name)
		}
	}
	return nil
}

// String returns the address, ready for Parse.
func (u URI) String() string {
	text := Scheme + ":https://" + u.Address()
	separator := "?"
	for _, pair := range [][2]string{{clientAttribute, url.QueryEscape(u.Client)}, {idAttribute, u.ID}} {
		if pair[1] != "" {
			text += separator + pair[0] + "=" + pair[1]
			separator = "&"
		}
	}
	return text
}

// Scheme returns Scheme, for callers that do not know which kind of address it is.
func (u URI) Scheme() string { return Scheme }

// Get returns an attribute.
func (u URI) Get(name string) (value string, named bool) {
	switch name {
	case clientAttribute:
		return u.Client, u.Client != ""
	case idAttribute:
		return u.ID, u.ID != ""
	}
	return "", false
}

// Address returns host and port, as a connection needs them.
func (u URI) Address() string { return net.JoinHostPort(u.Host, u.Port) }
