package proxy

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// refusal returns why a request is not forwarded, whatever it is for.
func refusal(r *http.Request) error {
	// A browser's or a proxy's TRACE shows what arrived, and that has the token in it.
	if strings.EqualFold(r.Method, http.MethodConnect) || strings.EqualFold(r.Method, http.MethodTrace) {
		return fmt.Errorf("%w: %s", ErrMethod, strings.ToUpper(r.Method))
	}
	if isUpgrade(r.Header) {
		return ErrUpgrade
	}
	return nil
}

// isUpgrade reports whether the client wants another protocol. An offer of h2c, which Java's
// HttpClient makes with every request, may be ignored, and the request answered all the same.
func isUpgrade(header http.Header) bool {
	for _, value := range header["Upgrade"] {
		for protocol := range strings.SplitSeq(value, ",") {
			if protocol = strings.TrimSpace(protocol); protocol != "" && !strings.EqualFold(protocol, "h2c") {
				return true
			}
		}
	}
	return false
}

// origin is where a part of the API is.
type origin struct {
	base   *url.URL
	prefix string // of all paths, escaped, without a slash at the end
}

func parseOrigin(text string) (*origin, error) {
	base, err := parseAPI(text)
	if err != nil {
		return nil, err
	}
	return &origin{base, strings.TrimRight(base.EscapedPath(), "/")}, nil
}

// originOf returns where a path of the API is.
func (p *Proxy) originOf(path string) *origin {
	if anaplan.IsAudit(path) {
		return p.audit
	}
	return p.api
}

// target returns where a request is sent. Its path stands on the wire as it is written.
func (o *origin) target(asked *url.URL, escaped string) (*url.URL, error) {
	raw := o.prefix + escaped
	path, err := url.PathUnescape(raw)
	if err != nil || !strings.HasPrefix(escaped, "/") {
		return nil, ErrPath
	}
	target := &url.URL{
		Scheme: o.base.Scheme, Host: o.base.Host, Path: path, RawPath: raw,
		RawQuery: asked.RawQuery, ForceQuery: asked.ForceQuery,
	}
	if target.EscapedPath() != raw { // RawPath is a wish that net/url may not grant
		return nil, ErrPath
	}
	return target, nil
}

// rewrite makes the request that is sent. ReverseProxy has removed the hop-by-hop headers.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	x := r.Out.Context().Value(exchangeKey{}).(*exchange)
	r.Out.URL, r.Out.Host = x.target, x.target.Host
	// A trailer can pretend to be any header, and no client of the API sends one.
	r.Out.Trailer = nil
	for name := range r.Out.Header {
		if isKept(name) {
			delete(r.Out.Header, name)
		}
	}
	if r.Out.Header.Get("User-Agent") == "" {
		r.Out.Header.Set("User-Agent", p.userAgent)
	}
}

// kept are request headers that are not sent on, beside those of keptPrefixes: what lets the
// client in here, where it comes from, and what could make another request of the one
// that was allowed. Connection and Upgrade are here again, for ReverseProxy puts them back.
var kept = map[string]bool{
	"Authorization": true, "Cookie": true, "Cookie2": true,
	"Origin": true, "Referer": true, "Forwarded": true, "X-Real-Ip": true,
	"X-Http-Method-Override": true, "X-Http-Method": true, "X-Method-Override": true,
	"X-Original-Url": true, "X-Rewrite-Url": true,
	"Connection": true, "Upgrade": true, "Http2-Settings": true,
}

var keptPrefixes = []string{"Proxy-", "X-Forwarded", ownPrefix}

// ownPrefix begins the headers of the agent itself.
const ownPrefix = "Anaplan-Agent-"

func isKept(name string) bool {
	if strings.Contains(name, "_") { // many servers take it for a dash
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	if kept[name] {
		return true
	}
	for _, prefix := range keptPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
