package subprocess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPastProxy(t *testing.T) {
	const all = "127.0.0.1,localhost,::1"
	for _, test := range []struct{ upper, lower, address, wantUpper, wantLower string }{
		{"", "", "127.0.0.1:8470", all, all},
		{"", "", "[::1]:8470", all, all},
		{"", "", "127.0.0.9:8470", all + ",127.0.0.9", all + ",127.0.0.9"},
		{".example.com", "", "127.0.0.1:1", ".example.com," + all, ".example.com," + all},
		{"", "a.example, b.example ,", "127.0.0.1:1", "a.example, b.example," + all, "a.example, b.example," + all},
		{"a.example", "b.example", "127.0.0.1:1", "a.example," + all, "b.example," + all},
		{"localhost", all, "127.0.0.1:1", "localhost,127.0.0.1,::1", all},
		{"*", "", "127.0.0.1:1", "*", "*"},
	} {
		t.Setenv("NO_PROXY", test.upper)
		t.Setenv("no_proxy", test.lower)
		want := []string{"NO_PROXY=" + test.wantUpper, "no_proxy=" + test.wantLower}
		if diff := cmp.Diff(want, NoProxyEnv(test.address)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test, diff)
		}
	}
}

func TestPlainProxy(t *testing.T) {
	for _, name := range []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"} {
		t.Setenv(name, "")
	}
	if got := ProxyFor("127.0.0.1:1"); got != "" {
		t.Errorf("no proxy: %s", got)
	}
	t.Setenv("http_proxy", "http://proxy.example:3128")
	for noProxy, want := range map[string]string{"": "http_proxy", "localhost": "http_proxy", "127.0.0.1": "", "a, 127.0.0.1": "", "*": ""} {
		t.Setenv("no_proxy", noProxy)
		if got := ProxyFor("127.0.0.1:1"); got != want {
			t.Errorf("%q: %q, want %q", noProxy, got, want)
		}
	}
	if got := ProxyFor(""); got != "" {
		t.Errorf("no port: %s", got)
	}
}

// What is unwanted goes from both, and the rest stays.
func TestPastProxyBut(t *testing.T) {
	const all = "127.0.0.1,localhost,::1"
	unwanted := func(entry string) bool { return entry == "*" || entry == "b.example" }
	for _, test := range []struct{ upper, lower, wantUpper, wantLower, dropped string }{
		{"a.example, c.example", "", "a.example, c.example," + all, "a.example, c.example," + all, ""},
		{"*", "", all, all, "*"},
		{"a.example,b.example", "c.example b.example", "a.example," + all, "c.example," + all, "b.example"},
		{"*,b.example", "", all, all, "* b.example"},
	} {
		t.Setenv("NO_PROXY", test.upper)
		t.Setenv("no_proxy", test.lower)
		env, dropped := NoProxyEnvBut("127.0.0.1:1", unwanted)
		if diff := cmp.Diff([]string{"NO_PROXY=" + test.wantUpper, "no_proxy=" + test.wantLower}, env); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test, diff)
		}
		if got := strings.Join(dropped, " "); got != test.dropped {
			t.Errorf("%+v: dropped %s", test, got)
		}
	}
}
