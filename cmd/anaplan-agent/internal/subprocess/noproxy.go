package subprocess

// The proxy of the environment, which must not come between a program and the agent on the same
// machine: curl, Python and others send it what they have for http://127.0.0.1, in clear, and with it
// the program's secret.

import (
	"cmp"
	"net"
	"os"
	"slices"
	"strings"
)

// noProxyVariables name the hosts that are reached without a proxy. Programs read one or the other, and
// some the first that there is.
var noProxyVariables = []string{"NO_PROXY", "no_proxy"}

// LoopbackHosts are this machine, as programs write it.
var LoopbackHosts = []string{"127.0.0.1", "localhost", "::1"}

// NoProxyEnv returns the variables that keep a program's way to the agent's port free of proxies. What
// they hold already stays; one that is not set begins with what the other holds, for who reads it would
// then read no more of that.
func NoProxyEnv(address string) (env []string) {
	hosts := LoopbackHosts
	if host, _, err := net.SplitHostPort(address); err == nil && !slices.Contains(hosts, host) {
		hosts = append(slices.Clone(hosts), host)
	}
	for i, name := range noProxyVariables {
		held := cmp.Or(os.Getenv(name), os.Getenv(noProxyVariables[1-i]))
		env = append(env, name+"="+withHosts(held, hosts))
	}
	return env
}

// withHosts adds the hosts to a list that does not have them.
func withHosts(list string, hosts []string) string {
	all := splitNoProxy(list)
	if slices.Contains(all, "*") {
		return list
	}
	for _, host := range hosts {
		if !slices.Contains(all, host) {
			list = strings.TrimPrefix(strings.TrimRight(list, ", ")+","+host, ",")
			all = append(all, host)
		}
	}
	return list
}

func splitNoProxy(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// ProxyFor names the variable of a proxy that programs of this environment would ask for the agent's
// port; "" for none.
func ProxyFor(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	for _, name := range noProxyVariables {
		if all := splitNoProxy(os.Getenv(name)); slices.Contains(all, "*") || slices.Contains(all, host) {
			return ""
		}
	}
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}
