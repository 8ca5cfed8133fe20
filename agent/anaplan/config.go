package anaplan

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
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

	// Roots returns the roots to trust. It is called once, when the first connection is made,
	// because reading the system's takes as long as a signature. Nil: the system's. Without
	// effect beside HTTP.
	Roots func() *x509.CertPool

	// RestRoots returns the roots to trust where Roots do not vouch for the server, so that those
	// that take long to read need not be read. It is called once at most; nil pools are the
	// system's. Nil: Roots are all.
	RestRoots func() *x509.CertPool

	// UserAgent names the program. Zero: "anaplan-agent". Keep it plain: the
	// firewall in front of the service has blocked fanciful ones (contract section 1.1).
	UserAgent string

	// Logger is told of every retry (Warn) and exchange (Debug). Nil discards.
	Logger *slog.Logger

	// HTTP does the requests, but never follows redirects. Nil: TLS 1.2 or
	// newer, and proxies from the environment (HTTPS_PROXY, NO_PROXY); only then are
	// net/http's copies of a login overwritten after it was sent.
	HTTP *http.Client

	// Retry bounds what one call may do. Zero: five attempts in about a minute.
	Retry Retry
}

// Client speaks to one authentication service. It is safe for use by several
// goroutines at once.
type Client struct {
	base      *url.URL
	form      HeaderForm
	http      http.Client
	ours      *transport // of http; nil: it is the caller's
	userAgent string
	log       *slog.Logger
	retry     Retry
}

// New checks the configuration and returns a Client. It does not connect.
func New(config Config) (*Client, error) {
	base, err := upstream.ParseURL(config.AuthURL, "https://auth.anaplan.com")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURL, err)
	}
	form, err := ParseHeaderForm(string(config.HeaderForm))
	if err != nil {
		return nil, err
	}
	userAgent := cmp.Or(config.UserAgent, "anaplan-agent")
	if !visible(strings.ReplaceAll(userAgent, " ", "")) {
		return nil, fmt.Errorf("%w %q: it is printable ASCII", ErrUserAgent, userAgent)
	}
	client := &Client{base: base, form: form, userAgent: userAgent, log: config.Logger, retry: config.Retry.orDefaults()}
	if config.HTTP != nil {
		client.http = *config.HTTP
	} else {
		client.ours = newTransport(base, config.Roots, config.RestRoots)
		client.http.Transport = client.ours
	}
	// On the copy: the caller's client may follow redirects elsewhere.
	client.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if client.log == nil {
		client.log = slog.New(slog.DiscardHandler)
	}
	return client, nil
}
