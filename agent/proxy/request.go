package proxy

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
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
	base, err := upstream.ParseURL(text, "https://api.anaplan.com")
	if err != nil {
		return nil, fmt.Errorf("the API URL: %w", err)
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

// passed are the request headers that are sent on, in the form of http.CanonicalHeaderKey. No other
// is: frameworks, gateways and load balancers have dozens of headers that make another method, path
// or host of a request than its first line says, or another caller, and new ones come. These only
// describe the client, the body and the answer that is wanted.
//
// RFC 9110 defines those without a remark. Authorization is put in by the Transport, and lengths
// are those of what is read. A name with an underscore, which many servers take for a dash, is not
// here.
var passed = map[string]bool{
	"Accept": true, "Accept-Charset": true, "Accept-Encoding": true, "Accept-Language": true,
	"Content-Type": true, "Content-Encoding": true, "Content-Language": true, "Content-Range": true,
	"Content-Disposition": true,                         // RFC 6266
	"Content-Md5":         true, "Content-Digest": true, // RFC 1864, RFC 9530
	"Range": true, "If-Match": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true, "If-Range": true,
	"Cache-Control": true, "Pragma": true, // RFC 9111
	"Expect": true, "Te": true,
	"User-Agent":        true,
	"X-Aconnect-Client": true, // of Anaplan Connect (contract section 1.1)

	// What lets a call be found again in the logs of both sides: W3C Trace Context, and the two
	// that were usual before. Not baggage, which is data of the client's company.
	"Traceparent": true, "Tracestate": true, "X-Request-Id": true, "X-Correlation-Id": true,
}

// ownPrefix begins the headers of the agent itself.
const ownPrefix = "Anaplan-Agent-"

// rewrite makes the request that is sent. ReverseProxy has removed the hop-by-hop headers, and put
// those of an upgrade back.
func (p *Proxy) rewrite(r *httputil.ProxyRequest) {
	x := r.Out.Context().Value(exchangeKey{}).(*exchange)
	r.Out.URL, r.Out.Host = x.target, x.target.Host
	// A trailer can pretend to be any header, and no client of the API sends one.
	r.Out.Trailer = nil
	for name := range r.Out.Header {
		if !passed[name] {
			delete(r.Out.Header, name)
		}
	}
	if r.Out.Header.Get("User-Agent") == "" {
		r.Out.Header.Set("User-Agent", p.userAgent)
	}
}
