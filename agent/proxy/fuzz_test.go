package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzLocalize has the service redirect to anywhere. What leads to the service leads here, and
// asking here for it asks the service for that very thing; all else is passed on as it came.
// Nothing leads to another host that did not before.
func FuzzLocalize(f *testing.F) {
	for _, seed := range []string{
		"/2/0/models", "https://api.example/base/2/0/models?a=b#c", "https://api.example:443/base/2/0//x", "https://API.example/base//evil.example/x",
		"https://audit.example/audit/api/1/events", "//evil.example/x", "///evil.example", "https://api.example", "https://api.example/based/x", "relative", "../x",
		"https://api.example@evil.example/base/x", "https://evil.example\\@api.example/base/x", "/\\evil.example", "https://api.example/base/%2f%2fevil.example", "?x", "#x", "",
		"javascript:alert(1)", "http://api.example/base/x", "https://api.example/base/..//x", "https://api.example/base/a%zz", "https://[::1]/base", "/base/2/0/%2e%2e/x",
	} {
		f.Add(seed)
	}
	p, err := New(Config{API: "https://api.example/base", Audit: "https://audit.example"})
	if err != nil {
		f.Fatal(err)
	}
	here, _ := url.Parse("http://127.0.0.1:8470/2/0/asked")
	f.Fuzz(func(t *testing.T, location string) {
		for _, from := range []*origin{p.api, p.audit} {
			got := p.localize(location, from)
			if got == location {
				continue
			}
			to, err := here.Parse(got)
			if err != nil || to.Host != here.Host || to.Scheme != here.Scheme || !strings.HasPrefix(got, "/") {
				t.Fatalf("%q has become %q, which leads to %v (%v)", location, got, to, err)
			}
			whole, err := url.Parse(location)
			if err != nil {
				t.Fatalf("%q has become %q, and cannot be parsed", location, got)
			}
			whole = from.base.ResolveReference(whole)
			path := to.EscapedPath()
			again, err := p.originOf(path).target(to, path)
			if err != nil {
				continue // the policy refuses such a path, too
			}
			if again.Host != strings.ToLower(whole.Host) && !sameOrigin(again, whole) || again.RawQuery != whole.RawQuery {
				t.Fatalf("%q has become %q, by which %s is asked for", location, got, again)
			}
		}
	})
}

// FuzzTarget has a caller ask for any path: what is sent is that path, of the service's host.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/2/0/models", "/a%2fb", "//evil.example", "/\\evil", "/a b", "/%zz", "/..", "/a?b", "/a#b", "/\u00e4", "", "x"} {
		f.Add(seed)
	}
	p, err := New(Config{API: "https://api.example/base"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		target, err := p.api.target(&url.URL{RawQuery: "q=1"}, path)
		if err != nil {
			return
		}
		request, err := http.NewRequest(http.MethodGet, target.String(), nil)
		if err != nil || request.URL.Host != "api.example" || request.URL.RequestURI() != "/base"+path+"?q=1" {
			t.Fatalf("%q: %s, %v", path, target, err)
		}
	})
}
