package intercepted

import (
	"net"
	"net/url"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// anaplan is the domain of all of Anaplan's hosts.
const anaplan = "anaplan.com"

// env returns the variables that lead programs to the proxy. Node.js reads them from 22.21 on, if
// it is told to.
func (p *proxy) env(warn func(string, ...any)) []string {
	address := url.URL{Scheme: "http", Host: p.address}
	if p.password != "" {
		address.User = url.UserPassword(user, p.password)
	}
	env, dropped := subprocess.NoProxyEnvBut(p.address, isAnaplan)
	if len(dropped) > 0 {
		warn("NO_PROXY has %s, which would keep the program's calls away from the agent: it is left out for this program", strings.Join(dropped, ", "))
	}
	return append(env, "HTTPS_PROXY="+address.String(), "https_proxy="+address.String(), "NODE_USE_ENV_PROXY=1")
}

// isAnaplan reports whether an entry of NO_PROXY is about some host of Anaplan's.
func isAnaplan(entry string) bool {
	host := strings.ToLower(entry)
	if only, _, err := net.SplitHostPort(host); err == nil {
		host = only
	}
	host = strings.TrimPrefix(strings.TrimPrefix(host, "*"), ".")
	return host == "" || host == "com" || host == anaplan || strings.HasSuffix(host, "."+anaplan)
}
