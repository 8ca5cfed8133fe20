package doctor

import (
	"testing"

	"golang.org/x/sys/windows/registry"
)

// TestSystemProxy sets what Internet Options sets, in the user's registry, and puts it back.
func TestSystemProxy(t *testing.T) {
	key, _, err := registry.CreateKey(registry.CURRENT_USER, `Software\Microsoft\Windows\CurrentVersion\Internet Settings`, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	enabled, _, _ := key.GetIntegerValue("ProxyEnable")
	server, _, _ := key.GetStringValue("ProxyServer")
	defer func() {
		key.SetDWordValue("ProxyEnable", uint32(enabled))
		key.SetStringValue("ProxyServer", server)
	}()
	key.SetStringValue("ProxyServer", "http=a:80;https=proxy.example:8080")
	for on, want := range []string{"", "proxy.example:8080"} {
		key.SetDWordValue("ProxyEnable", uint32(on))
		if got, _ := systemProxy(); got != want {
			t.Errorf("enabled %d: got %q, want %q", on, got, want)
		}
	}
}
