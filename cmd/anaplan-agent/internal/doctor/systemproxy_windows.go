package doctor

import "golang.org/x/sys/windows/registry"

// systemProxy returns the proxy for https of this user's settings (Internet Options), and the script
// that chooses one; "" for what is not set.
func systemProxy() (proxy, script string) {
	key, err := registry.OpenKey(registry.CURRENT_USER, `Software\Microsoft\Windows\CurrentVersion\Internet Settings`, registry.QUERY_VALUE)
	if err != nil {
		return "", ""
	}
	defer key.Close()
	if enabled, _, err := key.GetIntegerValue("ProxyEnable"); err == nil && enabled != 0 {
		setting, _, _ := key.GetStringValue("ProxyServer")
		proxy = proxyForHTTPS(setting)
	}
	script, _, _ = key.GetStringValue("AutoConfigURL")
	return proxy, script
}
