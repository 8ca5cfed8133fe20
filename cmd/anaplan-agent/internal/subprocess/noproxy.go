package subprocess

// The proxy of the environment must not come between a program and the agent on the same machine:
// curl, Python and others send it their requests for http://127.0.0.1 in clear text, including the
// program's secret.

import (
	"cmp"
	"net"
	"os"
	"slices"
	"strings"
)

// noProxyVariables name the hosts that are reached without a proxy. Some programs read only one of
// them, some the first that is set.
var noProxyVariables = []string{"NO_PROXY", "no_proxy"}

// LoopbackHosts are the usual names of this machine.
var LoopbackHosts = []string{"127.0.0.1", "localhost", "::1"}

// NoProxyEnv returns the variables that keep proxies away from the agent's port. Their present
// content stays. One that is not set starts with the content of the other, since programs that
// prefer it would no longer read the other.
func NoProxyEnv(address string) []string {
	env, _ := NoProxyEnvBut(address, func(string) bool { return false })
	return env
}

// NoProxyEnvBut is NoProxyEnv without the entries that isUnwanted, and returns these.
func NoProxyEnvBut(address string, isUnwanted func(entry string) bool) (env, dropped []string) {
	hosts := LoopbackHosts
	if host, _, err := net.SplitHostPort(address); err == nil && !slices.Contains(hosts, host) {
		hosts = append(slices.Clone(hosts), host)
	}
	for i, name := range noProxyVariables {
		held := cmp.Or(os.Getenv(name), os.Getenv(noProxyVariables[1-i]))
		for _, entry := range splitNoProxy(held) {
			if isUnwanted(entry) && !slices.Contains(dropped, entry) {
				dropped = append(dropped, entry)
			}
		}
		if len(dropped) > 0 {
			held = strings.Join(slices.DeleteFunc(splitNoProxy(held), isUnwanted), ",")
		}
		env = append(env, name+"="+withHosts(held, hosts))
	}
	return env, dropped
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

// ProxyFor names the variable of a proxy that programs would use to reach the agent's port; "" for
// none.
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
