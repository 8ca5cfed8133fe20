package doctor

import "strings"

// checkSystemProxy tells of the proxy that other programs take from the system's settings, and this
// one does not.
func checkSystemProxy(r *Report) {
	proxy, script := systemProxy()
	switch {
	case proxy != "":
		r.warn("network.proxy", "if Anaplan is to be reached through it: HTTPS_PROXY=http://"+proxy,
			"the system's settings name the proxy %s, which only counts here if HTTPS_PROXY names it", proxy)
	case script != "":
		r.warn("network.proxy", "ask which proxy that gives for Anaplan, and write it into HTTPS_PROXY",
			"the system's settings have a script that chooses a proxy (%s), which is not run here", script)
	}
}

// proxyForHTTPS returns the proxy for https in a setting of Windows': one for all, or one for each
// protocol, as "http=a:80;https=b:81". "" for none.
func proxyForHTTPS(setting string) string {
	for part := range strings.FieldsFuncSeq(setting, func(r rune) bool { return r == ';' || r == ' ' }) {
		protocol, proxy, named := strings.Cut(part, "=")
		if !named {
			proxy = part
		} else if protocol != "https" {
			continue
		}
		return strings.TrimPrefix(proxy, "http://")
	}
	return ""
}
