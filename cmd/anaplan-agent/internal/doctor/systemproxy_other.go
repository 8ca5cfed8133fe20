//go:build !windows

package doctor

// systemProxy returns nothing: elsewhere programs take the proxy from the environment.
func systemProxy() (proxy, script string) { return "", "" }
