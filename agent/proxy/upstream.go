package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// headerTime is how long an answer may take to begin, once the request has been sent.
const headerTime = 5 * time.Minute

// NewBase returns the connections to the service: HTTP/1.1 over TLS 1.2 or newer, through the
// proxy of the environment if there is one. Nothing is decompressed. roots nil: the system's.
func NewBase(roots *x509.CertPool) *http.Transport {
	// A connection a call: one slow upload does not hold up others, as it can in HTTP/2.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxy,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  headerTime,
		ExpectContinueTimeout:  continueTime,
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		ReadBufferSize:         16 << 10, // a TLS record; larger pieces are then read without a copy
		WriteBufferSize:        64 << 10,
		DisableCompression:     true,
		Protocols:              http1,
	}
}

// proxyRefusal is the answer of a proxy of the environment that does not connect.
type proxyRefusal struct {
	host   string
	status int
}

func (p *proxyRefusal) Error() string {
	return fmt.Sprintf("the proxy %s does not connect (HTTP %d %s)", p.host, p.status, http.StatusText(p.status))
}

func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyRefusal{proxy.Host, response.StatusCode}
}

// parseAPI returns the base URL, and refuses what would send the token in the clear.
func parseAPI(text string) (*url.URL, error) {
	if strings.Contains(text, "@") { // first, for no error below may show a password
		return nil, fmt.Errorf("the API URL must not hold a user name or password")
	}
	base, err := url.Parse(text)
	if err != nil || base.Hostname() == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("the API URL %q cannot be used: it is like https://api.anaplan.com", text)
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		return nil, fmt.Errorf("the API URL %q must be https, or http to this machine (127.0.0.1, ::1, localhost)", text)
	}
	return base, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

// sameOrigin reports whether two URLs lead to one server.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "http"):
		return "80"
	}
	return "443"
}
