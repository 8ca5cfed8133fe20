package upstream

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// CheckProxy returns an error if the environment names a proxy for https that net/http cannot
// read: it goes past such a one without a word. The error names the variable and not its value,
// which may have a password in it. Where URLs are given that are all of this machine, which no proxy
// is asked for, nothing is wrong.
func CheckProxy(urls ...string) error {
	if len(urls) > 0 && !slices.ContainsFunc(urls, isElsewhere) {
		return nil
	}
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if value := os.Getenv(name); value != "" {
			if proxy := ParseProxy(value); proxy == nil || !isProxy(proxy) {
				return fmt.Errorf("%s is not the address of a proxy: %s; or unset it", name, WriteProxy)
			}
			return nil // net/http reads no more
		}
	}
	return nil
}

func isElsewhere(text string) bool {
	u, err := url.Parse(text)
	return err == nil && !IsLoopback(u.Hostname())
}

// ProxySchemes are those that net/http knows. It takes all others for http.
var ProxySchemes = []string{"http", "https", "socks5", "socks5h"}

// isProxy reports whether somebody has meant such a proxy. "http" and "https" are the hosts of
// addresses in which a colon or a slash is missing.
func isProxy(proxy *url.URL) bool {
	host := proxy.Hostname()
	return slices.Contains(ProxySchemes, proxy.Scheme) && strings.TrimSpace(host) == host && !slices.Contains([]string{"", "http", "https"}, host)
}

// WriteProxy says how a proxy's address is written.
const WriteProxy = "write it as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with %40 for @, %23 for # and %2F for / in a password"

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
