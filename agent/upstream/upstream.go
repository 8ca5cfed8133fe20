// Package upstream is what all connections to Anaplan have in common: to which URLs a credential may
// be sent, how they are reached, and how long an answer asks to be left alone. The clients of the
// authentication service and of the API build on it.
package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// ParseURL returns the base URL of a service, and refuses what would send a credential in the clear
// or by mistake. No error shows a password. example is a right URL, for the errors.
func ParseURL(text, example string) (*url.URL, error) {
	if strings.Contains(text, "@") { // before the errors that show the text
		return nil, errors.New("a URL must not hold a user name or password")
	}
	base, err := url.Parse(text)
	if err != nil || base.Hostname() == "" {
		return nil, fmt.Errorf("%q cannot be used: it is like %s", text, example)
	}
	// JoinPath would keep a query, and send it with every call.
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%q must end with the host or a path", text)
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !IsLoopback(base.Hostname())) {
		return nil, fmt.Errorf("%q must be https, or http to this machine (127.0.0.1, ::1, localhost)", text)
	}
	return base, nil
}

// IsLoopback reports whether what is sent to a host stays on this machine. No name but localhost
// counts: what another stands for can change between this check and its use.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Zone() == "" && address.Unmap().IsLoopback()
}

// Transport returns connections over TLS 1.2 or newer, through the proxy of the environment
// (HTTPS_PROXY, NO_PROXY) if there is one. They speak HTTP/1.1: one slow upload does not hold up other
// calls, as it can in HTTP/2, and a login is one request or two. roots nil: the system's.
func Transport(roots *x509.CertPool) *http.Transport {
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxy,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		Protocols:              http1,
	}
}

// ProxyFor returns the host and port of the proxy through which this process reaches a URL; "" for
// none.
func ProxyFor(text string) string {
	target, err := url.Parse(text)
	if err != nil {
		return ""
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: target})
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &ProxyError{proxy.Host, response.StatusCode, schemesIn(response.Header.Values("Proxy-Authenticate"))}
}
