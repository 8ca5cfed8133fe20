package proxy

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// headerTime is how long an answer may take to begin, once the request has been sent.
const headerTime = 5 * time.Minute

// NewBase returns the connections to the service: upstream.Transport's. Nothing is
// decompressed. roots nil: the system's.
func NewBase(roots *x509.CertPool) *http.Transport {
	base := upstream.Transport(roots)
	base.ResponseHeaderTimeout = headerTime
	base.ExpectContinueTimeout = continueTime
	base.MaxResponseHeaderBytes = 256 << 10
	base.MaxIdleConnsPerHost = 64
	base.ReadBufferSize = 16 << 10 // a TLS record; larger pieces are then read without a copy
	base.WriteBufferSize = 64 << 10
	base.DisableCompression = true
	return base
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
