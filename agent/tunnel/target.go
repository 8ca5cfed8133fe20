package tunnel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Target is where a tunnel leads. The zero Target leads nowhere.
type Target struct {
	Host string // a name in lower case, without a dot at its end, or an IP address without brackets
	Port uint16
}

func (t Target) String() string { return net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port))) }

// maxName is how long a name can be, in bytes (RFC 1035 section 2.3.4, without the root's dot).
const maxName = 253

// Parse returns the target that CONNECT names: HOST:PORT, an address of IPv6 in brackets (RFC 9110
// section 9.3.6).
func Parse(text string) (Target, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return Target{}, errors.New("a target is like example.com:443")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || port[0] == '+' {
		return Target{}, errors.New("the port of a target is a number from 1 to 65535")
	}
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" && address.Is6() == strings.HasPrefix(text, "[") {
		return Target{address.String(), uint16(number)}, nil
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if !isName(host) || strings.HasPrefix(text, "[") {
		return Target{}, errors.New("the host of a target is a name, or an IP address without a zone")
	}
	return Target{host, uint16(number)}, nil
}

// isName reports whether a text can be a host's name. One whose last part is a number is an address,
// written in a way that some resolvers understand and others do not (127.1, 0x7f000001).
func isName(host string) bool {
	if len(host) > maxName {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
		last = label
	}
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// RefusedError means that no tunnel is made to that place.
type RefusedError struct {
	Target Target
	Why    string // "port 25 is not ..."
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("no tunnel leads to %s: %s", e.Target, e.Why)
}

// Check returns why no tunnel may lead to the target as it is written: a *RefusedError, or nil. What a
// name stands for is looked at by Dial.
func (t Target) Check() error {
	why := ""
	address, err := netip.ParseAddr(t.Host)
	switch {
	case t.Port != 443 && t.Port != 80 && t.Port < 1024:
		why = fmt.Sprintf("port %d is neither 443 nor 80, and below 1024", t.Port)
	case err == nil:
		why = forbidden(address)
	default:
		why = forbiddenName(t.Host)
	}
	if why == "" {
		return nil
	}
	return &RefusedError{t, why}
}
