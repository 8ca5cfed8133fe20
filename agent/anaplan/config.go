package anaplan

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// ErrURL is returned for an auth URL to which no credential may be sent.
var ErrURL = errors.New("unusable auth URL")

// ErrUserAgent is returned for a User-Agent that cannot stand in a header.
var ErrUserAgent = errors.New("unusable user agent")

// Config says which service a Client speaks to, and how.
type Config struct {
	// AuthURL is the base of the authentication service, such as
	// "https://auth.anaplan.com". Needed; see Region.
	AuthURL string

	// HeaderForm is how logins carry the certificate. Zero: FormPEM.
	HeaderForm HeaderForm

	// RootCAs are the roots to trust. Nil: the system's. Without effect beside HTTP.
	RootCAs *x509.CertPool

	// UserAgent names the program. Zero: "anaplan-agent". Keep it plain: the
	// firewall in front of the service has blocked fanciful ones (contract section 1.1).
	UserAgent string

	// Logger is told of every retry (Warn) and exchange (Debug). Nil discards.
	Logger *slog.Logger

	// HTTP does the requests, but never follows redirects. Nil: TLS 1.2 or
	// newer, and proxies from the environment (HTTPS_PROXY, NO_PROXY); only then are
	// net/http's copies of a login overwritten after it was sent.
	HTTP *http.Client

	// Retry bounds what one call may do. Zero: four attempts in about a minute.
	Retry Retry
}

// Client speaks to one authentication service. It is safe for use by several
// goroutines at once.
type Client struct {
	base      *url.URL
	form      HeaderForm
	http      http.Client
	isOurs    bool // its transport is newTransport's
	userAgent string
	log       *slog.Logger
	retry     Retry
}

// New checks the configuration and returns a Client. It does not connect.
func New(config Config) (*Client, error) {
	base, err := parseURL(config.AuthURL)
	if err != nil {
		return nil, err
	}
	form, err := ParseHeaderForm(string(config.HeaderForm))
	if err != nil {
		return nil, err
	}
	userAgent := cmp.Or(config.UserAgent, "anaplan-agent")
	if !visible(strings.ReplaceAll(userAgent, " ", "")) {
		return nil, fmt.Errorf("%w %q: it is printable ASCII", ErrUserAgent, userAgent)
	}
	httpClient := config.HTTP
	if httpClient == nil {
		httpClient = &http.Client{Transport: newTransport(config.RootCAs)}
	}
	client := &Client{base: base, form: form, http: *httpClient, isOurs: config.HTTP == nil, userAgent: userAgent, log: config.Logger, retry: config.Retry.orDefaults()}
	// On the copy: the caller's client may follow redirects elsewhere.
	client.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.log == nil {
		client.log = slog.New(slog.DiscardHandler)
	}
	return client, nil
}

// parseURL returns the base URL, and refuses what would send a credential in the
// clear or by mistake.
func parseURL(text string) (*url.URL, error) {
	// First, for no error below may show a password.
	if strings.Contains(text, "@") {
		return nil, fmt.Errorf("%w: it must not hold a user name or password", ErrURL)
	}
	base, err := url.Parse(text)
	if err != nil || base.Hostname() == "" {
		return nil, fmt.Errorf("%w %q: it is like https://auth.anaplan.com", ErrURL, text)
	}
	// JoinPath would keep a query, and send it with every call.
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("%w %q: it must end with the host or a path", ErrURL, text)
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !isLoopback(base.Hostname())) {
		return nil, fmt.Errorf("%w %q: it must be https, or http to this machine (127.0.0.1, ::1, localhost)", ErrURL, text)
	}
	return base, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.Unmap().IsLoopback()
}

func newTransport(roots *x509.CertPool) *http.Transport {
	// A login is one request or two; HTTP/2 would only add round trips, and a
	// program that needs it for nothing else can be built without it.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxy,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxBody,
		IdleConnTimeout:        90 * time.Second,
		Protocols:              http1,
	}
}

// checkProxy turns a proxy's refusal into words; net/http would report the status line but not
// where it came from.
func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &ConnectionError{
		Kind:   ErrUnreachable,
		Reason: fmt.Sprintf("the proxy %s does not connect (HTTP %d %s)", proxy.Host, response.StatusCode, http.StatusText(response.StatusCode)),
		final:  response.StatusCode < 500,
	}
}
