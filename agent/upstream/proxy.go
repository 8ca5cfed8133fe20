package upstream

import (
	"fmt"
	"net/url"
	"os"
)

// CheckProxy returns an error if the environment names a proxy for https that net/http cannot
// read: it goes past such a one without a word. The error names the variable and not its value,
// which may have a password in it.
func CheckProxy() error {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		proxy := ParseProxy(value)
		if proxy == nil || proxy.Hostname() == "" || proxy.Hostname() == "http" || proxy.Hostname() == "https" {
			return fmt.Errorf("%s is not the address of a proxy: %s", name, WriteProxy)
		}
		return nil // net/http reads no more
	}
	return nil
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
