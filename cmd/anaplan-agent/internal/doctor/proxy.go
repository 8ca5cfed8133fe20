package doctor

// The proxy, as Go's net/http takes it from the environment: which heeds fewer variables than other
// programs do, and silently ignores what it cannot read.

import (
	"cmp"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// ProxyVariables are the variables that may name a proxy, with a password.
var ProxyVariables = []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}

// firstSet returns the first of the variables that is set; "" for none.
func firstSet(names ...string) (name, value string) {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// proxySetting returns the variable that counts for https; "" for none.
func proxySetting() (name, value string) { return firstSet("HTTPS_PROXY", "https_proxy") }

// checkProxy looks at the variables. It reports false if they are so wrong that what comes
// after would be a riddle.
func checkProxy(r *Report) bool {
	name, value := proxySetting()
	if name == "" {
		if other, _ := firstSet("ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"); other != "" {
			r.warn("network.proxy", "set HTTPS_PROXY too, if Anaplan is to be reached through it",
				"%s is set, which has no effect: connections to Anaplan use https, for which HTTPS_PROXY counts", other)
		}
		checkSystemProxy(r)
		return true
	}
	const do = upstream.WriteProxy
	proxy := upstream.ParseProxy(value)
	switch {
	case proxy == nil:
		r.fail("network.proxy", do, "%s is malformed: other programs go past such a proxy without a word", name)
		return false
	case slices.Contains([]string{"http", "https"}, proxy.Hostname()):
		r.fail("network.proxy", do, "%s is malformed, and is taken for a proxy called %q: a colon or a slash is missing in it, or a password has characters that must be encoded", name, proxy.Hostname())
		return false
	case !slices.Contains(upstream.ProxySchemes, proxy.Scheme):
		r.fail("network.proxy", do, "%s has the scheme %q, which is not one of %s", name, proxy.Scheme, strings.Join(upstream.ProxySchemes, ", "))
		return false
	case proxy.Port() == "":
		r.warn("network.proxy", "add the port, as http://"+proxy.Hostname()+":8080", "%s does not name a port, so %s's usual one counts", name, proxy.Scheme)
	}
	if other := os.Getenv("https_proxy"); name == "HTTPS_PROXY" && other != "" && other != value {
		r.info("network.proxy", "set them alike: other programs take https_proxy", "HTTPS_PROXY and https_proxy name different proxies; HTTPS_PROXY counts here")
	}
	return true
}

// tellProxy says which way a host is reached.
func tellProxy(r *Report, host string, proxy *url.URL) {
	name, _ := proxySetting()
	switch {
	case proxy != nil:
		r.ok("network.proxy", "%s is reached through the proxy %s", host, proxy.Host)
	case name != "" && cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy")) != "":
		r.info("network.proxy", "", "%s is reached past the proxy, by NO_PROXY or since it is this machine", host)
	case name != "":
		r.info("network.proxy", "", "%s is reached past the proxy", host)
	default:
		r.ok("network.proxy", "%s is reached directly; HTTPS_PROXY is not set", host)
	}
}
