package policy_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

func TestParsePath(t *testing.T) {
	defer soon()()
	tests := []struct {
		escaped, text string
		segments      []string
	}{
		{"/", "/", nil},
		{"/2/0/models", "/2/0/models", []string{"2", "0", "models"}},
		{"/2/0/models/", "/2/0/models", []string{"2", "0", "models"}},
		{"//2/0/models", "/2/0/models", []string{"2", "0", "models"}},
		{"////2/0/models/", "/2/0/models", []string{"2", "0", "models"}},
		{"//", "/", nil},
		{"//api.anaplan.com/2", "/api.anaplan.com/2", []string{"api.anaplan.com", "2"}},
		{"/%32/0/mod%65ls", "/2/0/models", []string{"2", "0", "models"}},
		{"/a%20b", "/a%20b", []string{"a b"}},
		{"/a b", "/a%20b", []string{"a b"}},
		{"/%20a.%20", "/%20a.%20", []string{" a. "}},
		{"/a+b", "/a+b", []string{"a+b"}},
		{"/a%2bb", "/a+b", []string{"a+b"}},
		{"/%c3%a9", "/%C3%A9", []string{"é"}},
		{"/é", "/%C3%A9", []string{"é"}},
		{"/(x)", "/%28x%29", []string{"(x)"}},
		{"/*", "/%2A", []string{"*"}},
		{"/%2A%2a", "/%2A%2A", []string{"**"}},
		{"/100%25", "/100%25", []string{"100%"}},
		{"/%25zz", "/%25zz", []string{"%zz"}},
		{"/...", "/...", []string{"..."}},
		{"/.a/..b", "/.a/..b", []string{".a", "..b"}},
		{"/%22", "/%22", []string{`"`}},
		{"/Models/AB", "/Models/AB", []string{"Models", "AB"}},
		{"/" + strings.Repeat("a", 4095), "/" + strings.Repeat("a", 4095), []string{strings.Repeat("a", 4095)}},
		{strings.Repeat("/a", 64) + "/", strings.Repeat("/a", 64), strings.Split(strings.Repeat("a", 64), "")},
	}
	for _, test := range tests {
		got, err := policy.ParsePath(test.escaped)
		if err != nil {
			t.Errorf("ParsePath(%.80q): %v", test.escaped, err)
			continue
		}
		if got.String() != test.text {
			t.Errorf("ParsePath(%.80q) is %.80q, want %.80q", test.escaped, got, test.text)
		}
		if diff := cmp.Diff(test.segments, got.Segments()); diff != "" {
			t.Errorf("ParsePath(%.80q): segments (-want +got):\n%s", test.escaped, diff)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	defer soon()()
	tests := []struct{ escaped, want string }{
		{"", `"" does not begin with /`},
		{"2/0/models", `does not begin with /`},
		{"*", `"*" does not begin with /`},
		{"http://x/..", `"http://x/.." does not begin with /; write it as /2/0/..., without scheme and host`},
		{"http://api.anaplan.com/2/0/models", "does not begin with /"},
		{"api.anaplan.com:443", "does not begin with /"},
		{"/2/0//models", `segment 3 of the path, "", is empty; write one slash where there are two`},
		{"//2//0", `segment 2 of the path, "", is empty`},
		{"//%2f2/0", "holds the character /"},
		{"/%2f/2/0", "holds the character /"},
		{"//../2/0", "leads elsewhere"},
		{"///./2/0", "leads elsewhere"},
		{"/2//0", `segment 2 of the path, "", is empty`},
		{"/2/0//", `segment 3 of the path, "", is empty`},
		{"/2/0/..", `segment 3 of the path, "..", leads elsewhere`},
		{"/2/0/../", "leads elsewhere"},
		{"/./2", `segment 1 of the path, ".", leads elsewhere`},
		{"/2/%2e%2e/0", `segment 2 of the path, "%2e%2e", leads elsewhere`},
		{"/2/%2E./0", "leads elsewhere"},
		{"/2/.%2e/0", "leads elsewhere"},
		{"/2/%2e", "leads elsewhere"},
		{"/2/..%20/0", "leads elsewhere"},
		{"/2/%c2%a0./0", "leads elsewhere"},
		{"/2/%20/0", `segment 2 of the path, "%20", is blank`},
		{"/2/a%2fb", `segment 2 of the path, "a%2fb", holds the character /`},
		{"/2/..%2F..%2Fx", "holds the character /"},
		{"/2/a\\b", "holds the character \\"},
		{"/2/..%5c", "holds the character \\"},
		{"/2/..;/0", "holds the character ;"},
		{"/2/a;b=c", "holds the character ;"},
		{"/2/a%3bb", "holds the character ;"},
		{"/2/a?b", "holds the character ?"},
		{"/2/a%3fb", "holds the character ?"},
		{"/2/a#b", "holds the character #"},
		{"/2/a%23b", "holds the character #"},
		{"/2/%00", "holds a control character"},
		{"/2/a\x00", "holds a control character"},
		{"/2/%0d%0aHost:%20x", "holds a control character"},
		{"/2/a\r\nb", "holds a control character"},
		{"/2/%7f", "holds a control character"},
		{"/2/%c2%85", "holds a control character"},
		{"/2/%252f", `segment 2 of the path, "%252f", is encoded twice; encode it once`},
		{"/2/%252e%252e", "is encoded twice"},
		{"/2/%25%32%65", "is encoded twice"},
		{"/2/a%2541", "is encoded twice"},
		{"/2/%", "has a % without two hex digits"},
		{"/2/%2", "has a % without two hex digits"},
		{"/2/%zz", "has a % without two hex digits"},
		{"/2/%u002e", "has a % without two hex digits"},
		{"/2/%c0%ae%c0%ae", "is not valid UTF-8"},
		{"/2/%c0%af", "is not valid UTF-8"},
		{"/2/%e0%80%af", "is not valid UTF-8"},
		{"/2/\xc0\xaf", "is not valid UTF-8"},
		{"/2/%ed%a0%80", "is not valid UTF-8"},
		{"/2/%ff", "is not valid UTF-8"},
		{"/" + strings.Repeat("a", 4096), "longer than 4096 bytes"},
		{"/" + strings.Repeat("(", 2000), "longer than 4096 bytes"},
		{strings.Repeat("/a", 65), "more than 64 segments"},
	}
	for _, test := range tests {
		got, err := policy.ParsePath(test.escaped)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("ParsePath(%.80q): error %v, want one with %q", test.escaped, err, test.want)
		}
		if got.String() != "" {
			t.Errorf("ParsePath(%.80q) is %q beside its error", test.escaped, got)
		}
	}
}

// Errors go to terminals and logs: they show no control characters, and little.
func TestParsePathErrorIsShort(t *testing.T) {
	defer soon()()
	for _, escaped := range []string{"/\x1b[31m" + strings.Repeat("x", 4000), "\x1b[31m`\"\n" + strings.Repeat("\x00", 9999), "/\u202e`\"\x1b"} {
		_, err := policy.ParsePath(escaped)
		if err == nil || len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\x00\x1b\n\u202e") {
			t.Errorf("ParsePath(%.20q): error %q", escaped, err)
		}
	}
}

func TestExcerpts(t *testing.T) {
	for text, want := range map[string]string{
		strings.Repeat("x", 100): `"` + strings.Repeat("x", 100) + `"`,
		strings.Repeat("x", 101): `"` + strings.Repeat("x", 100) + `"...`,
		`a"b`:                    "`a\"b`",
		"a\"`b":                  "\"a\\\"`b\"",
		"a\"\u202eb":             `"a\"\u202eb"`,
	} {
		_, err := policy.ParsePath(text)
		if want := "the path " + want + " does not begin with /; write it as /2/0/..., without scheme and host"; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestSegmentsAreACopy(t *testing.T) {
	path := mustPath(t, "/2/0/users/me")
	path.Segments()[3] = "you"
	if got := path.Segments()[3]; got != "me" {
		t.Errorf("the last segment is %q, want me", got)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"/", "/2/0/models/", "/%2e%2e/", "/a%2fb", "/..;/x", "/%252e", "//x", "///2//0", "//%2f/x", "/%2f/x", "//../2", "http://x/..", "/\x00", "/%c0%ae", "/é/*/(!)", "/a?b#c", "/%41%", "/%25%32%65"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		defer soon()()
		path, err := policy.ParsePath(escaped)
		// One slash more at the beginning changes nothing, whatever follows.
		if strings.HasPrefix(escaped, "/") {
			more, failed := policy.ParsePath("/" + escaped)
			if (err == nil) != (failed == nil) || more.String() != path.String() || policy.IsAnaplan("/"+escaped) != policy.IsAnaplan(escaped) {
				t.Errorf("%q with one slash more is read as %q, error %v", escaped, more, failed)
			}
		}
		if err != nil {
			return
		}
		again, err := policy.ParsePath(path.String())
		if err != nil || again.String() != path.String() || !cmp.Equal(again.Segments(), path.Segments()) {
			t.Errorf("%q is read as %q, and that as %q, error %v", escaped, path, again, err)
		}
		checkSent(t, path)
		for _, segment := range path.Segments() {
			checkSegment(t, segment)
		}
	})
}

// checkSent compares the path with what net/url makes of it, which is what is sent.
func checkSent(t *testing.T, path policy.Path) {
	t.Helper()
	decoded := "/" + strings.Join(path.Segments(), "/")
	for _, u := range []url.URL{{Path: decoded}, {Path: decoded, RawPath: path.String()}} {
		if got := u.EscapedPath(); got != path.String() {
			t.Errorf("%q is sent as %q", path, got)
		}
	}
	u, err := url.ParseRequestURI(path.String())
	if err != nil || u.Path != decoded || u.Host != "" || u.RawQuery != "" || u.JoinPath().Path != decoded {
		t.Errorf("%q is received as %#v, error %v", path, u, err)
	}
}

// checkSegment tells apart what ParsePath must by other means.
func checkSegment(t *testing.T, segment string) {
	t.Helper()
	if strings.Trim(segment, " ") == "" || strings.Trim(segment, " ") == "." || strings.Trim(segment, " ") == ".." || strings.ContainsAny(segment, "/\\;?#\x00\r\n\x7f") || strings.ToValidUTF8(segment, "") != segment {
		t.Errorf("segment %q", segment)
	}
	// Decoding once more must find nothing to decode.
	for i := range segment {
		if i+3 <= len(segment) && segment[i] == '%' {
			if more, err := url.PathUnescape(segment[i : i+3]); err == nil {
				t.Errorf("segment %q decodes again, at %q", segment, more)
			}
		}
	}
}

func mustPath(t testing.TB, escaped string) policy.Path {
	t.Helper()
	defer soon()()
	path, err := policy.ParsePath(escaped)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// soon ends the tests if what it returns is not called soon: reading goes on for ever.
func soon() (stop func() bool) {
	return time.AfterFunc(2*time.Minute, func() { panic("a path or a rule is read for ever") }).Stop
}

func TestIsAnaplan(t *testing.T) {
	for path, want := range map[string]bool{
		"/2/0/models": true, "//2/0/models": true, "/2/": true, "/1/3/x": true, "/scim/1/0/v2/Users": true, "/audit/api/1/events": true,
		"": false, "/": false, "/2": false, "/20/x": false, "/3/0": false, "/scim": false, "/audits/x": false, "/v1/token": false, "2/0": false,
	} {
		if got := policy.IsAnaplan(path); got != want {
			t.Errorf("IsAnaplan(%q) = %v", path, got)
		}
	}
	for _, prefix := range []string{"/2/", "/1/", "/scim/", "/audit/"} {
		if !strings.Contains(policy.Prefixes, prefix) {
			t.Errorf("people are not told of %s", prefix)
		}
	}
}

func TestMethods(t *testing.T) {
	want := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	policy.Methods()[0] = "TRACE"
	if diff := cmp.Diff(want, policy.Methods()); diff != "" {
		t.Errorf("methods (-want +got):\n%s", diff)
	}
}

func TestItems(t *testing.T) {
	for escaped, want := range map[string][]policy.Item{
		"/":                      nil,
		"/2/0/models":            nil,
		"/models/1":              {{List: "/models", Text: "1", IsID: true}},
		"/2/0/models/Plan/files": {{List: "/2/0/models", Text: "Plan"}},
		"/2/0/workspaces/" + finance + "/models/" + plan + "/processes/12/tasks/a%20b": {
			{List: "/2/0/workspaces", Text: finance, IsID: true},
			{List: "/2/0/workspaces/" + finance + "/models", Text: plan, IsID: true},
			{List: "/2/0/workspaces/" + finance + "/models/" + plan + "/processes", Text: "12", IsID: true},
		},
	} {
		if diff := cmp.Diff(want, mustPath(t, escaped).Items()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", escaped, diff)
		}
	}
	for text, want := range map[string]bool{
		"0": true, "0123456789": true, plan: true, strings.ToLower(plan): true, "0123456789abcdefABCDEF0123456789": true,
		"12a": false, plan[1:]: false, plan + "0": false, "g" + plan[1:]: false, "`" + plan[1:]: false, "G" + plan[1:]: false, "@" + plan[1:]: false, "-1": false,
	} {
		if items := mustPath(t, "/models/"+text).Items(); len(items) != 1 || items[0].IsID != want {
			t.Errorf("%s: %+v", text, items)
		}
	}
}
