package doctor

import "testing"

func TestProxyForHTTPS(t *testing.T) {
	for setting, want := range map[string]string{
		"": "", "proxy:8080": "proxy:8080", "http://proxy:8080": "proxy:8080",
		"http=a:80;https=b:81;ftp=c:82": "b:81", "http=a:80": "", "ftp=c:82 https=http://b:81": "b:81",
	} {
		if got := proxyForHTTPS(setting); got != want {
			t.Errorf("%q: got %q, want %q", setting, got, want)
		}
	}
}
