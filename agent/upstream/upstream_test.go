package upstream_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"120":                            2 * time.Minute,
		"86401":                          24 * time.Hour,
		"18446744073709551615":           24 * time.Hour,
		"18446744073709551616":           24 * time.Hour,
		"-18446744073709551616":          0,
		"-1":                             0,
		"1.5":                            0,
		"soon":                           0,
		"Mon, 23 Nov 2026 12:00:30 GMT":  30 * time.Second,
		"Mon, 23 Nov 2026 11:00:00 GMT":  0,
		"Mon, 23 Nov 2099 12:00:00 GMT":  24 * time.Hour,
		"Monday, 23-Nov-26 12:01:00 GMT": time.Minute,
	} {
		if got, _ := upstream.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("RetryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, value := range []string{"", "7", "-7", "99999999999999999999", now.Add(time.Hour).Format(http.TimeFormat), "Mon, 23 Nov"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, asks := upstream.RetryAfter(http.Header{"Retry-After": {value}}, now)
		if got < 0 || got > upstream.MaxRetryAfter || got > 0 && !asks {
			t.Errorf("RetryAfter(%q) = %v, %v", value, got, asks)
		}
	})
}

// TestRetryAfterByTheirClock: a date counts from the service's own, if it tells that. Only what can
// be read is a wish.
func TestRetryAfterByTheirClock(t *testing.T) {
	theirs := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	header := http.Header{"Date": {theirs.Format(http.TimeFormat)}, "Retry-After": {theirs.Add(time.Minute).Format(http.TimeFormat)}}
	if got, asks := upstream.RetryAfter(header, theirs.Add(time.Hour)); got != time.Minute || !asks {
		t.Errorf("got %v, %v", got, asks)
	}
	for value, want := range map[string]bool{"": false, "soon": false, "-1": false, "0": true, theirs.Format(http.TimeFormat): true} {
		if _, asks := upstream.RetryAfter(http.Header{"Retry-After": {value}}, theirs); asks != want {
			t.Errorf("%q asks: %v", value, asks)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "127.0.0.1.example.com": false, "localhost.": false, "::1%lo": false,
	} {
		if got := upstream.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v", host, got)
		}
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://api.anaplan.com": true, "https://api.anaplan.com/": true, "https://proxy.example/anaplan": true, "http://127.0.0.1:8470": true, "http://[::1]": true,
		"": false, "api.anaplan.com": false, "https://": false, "https://[::1": false, "ftp://127.0.0.1": false,
		"http://api.anaplan.com": false, "https://api.anaplan.com?a=b": false, "https://api.anaplan.com#a": false,
	} {
		if _, err := upstream.ParseURL(text, "https://api.anaplan.com"); (err == nil) != want {
			t.Errorf("ParseURL(%q): %v", text, err)
		}
	}
	if _, err := upstream.ParseURL("https://user:hunter2@api.anaplan.com", ""); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password is shown, or taken: %v", err)
	}
}

func TestCheckProxy(t *testing.T) {
	for value, good := range map[string]bool{
		"": true, "http://proxy:8080": true, "proxy:8080": true, "http://who:se%23cret@proxy:8080": true, "socks5://proxy:1080": true,
		"http://who:100%secret@proxy:8080": false, "http://who:secret#1@proxy:8080": false, "http//secret:8080": false, "://secret": false, "http://": false,
		"socks4://proxy:1080": false, "htp://proxy:8080": false, "HTTP://PROXY:8080": true, "http://[::1]:8080": true, " ": false, "http://proxy:8080 ": false,
	} {
		t.Setenv("HTTPS_PROXY", "")
		t.Setenv("https_proxy", value)
		err := upstream.CheckProxy()
		if (err == nil) != good || err != nil && (!strings.HasPrefix(err.Error(), "https_proxy is not the address of a proxy: write it as") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: error %v", value, err)
		}
		t.Setenv("HTTPS_PROXY", "http://proxy:8080")
		if err := upstream.CheckProxy(); err != nil {
			t.Errorf("HTTPS_PROXY counts: error %v", err)
		}
		t.Setenv("HTTPS_PROXY", value)
		if err := upstream.CheckProxy("https://127.0.0.1:8443", "http://localhost:1"); err != nil {
			t.Errorf("no proxy is asked for this machine: error %v", err)
		}
		if err := upstream.CheckProxy("https://127.0.0.1:8443", "https://api.anaplan.com"); (err == nil) != good {
			t.Errorf("%s: error %v", value, err)
		}
	}
}
