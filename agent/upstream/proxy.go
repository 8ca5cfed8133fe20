package upstream

import "net/url"

// ParseProxy reads a proxy's address as net/http does (golang.org/x/net/http/httpproxy): what
// does not parse, or has no scheme, is tried as a host. So some mistakes make a proxy that
// nobody meant, and the others none at all, which is nil.
func ParseProxy(text string) *url.URL {
	proxy, err := url.Parse(text)
	if err != nil || proxy.Scheme == "" || proxy.Host == "" {
		if bare, err := url.Parse("http://" + text); err == nil {
			return bare
		}
	}
	return proxy
}
