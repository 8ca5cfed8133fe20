package proxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

func TestResponseHeaders(t *testing.T) {
	_, api := listen(t, answers(strings.Join([]string{
		"HTTP/1.1 203 Whatever", "X-Twice: 1", "x-twice: 2", "ETag: \"e\"", "Date: Wed, 01 Jul 2026 12:00:00 GMT", "Vary: a", "Retry-After: 3",
		"Set-Cookie: a=b", "Set-Cookie2: a", "Anaplan-Agent-Problem: rate_limited", "Proxy-Authenticate: Basic",
		"Connection: Keep-Alive, X-Hop", "X-Hop: h", "Keep-Alive: timeout=5", "Upgrade: h2", "Content-Length: 3", "", "abc",
	}, "\r\n")))
	w := newWorld(t, api, nil)
	got := w.do("GET", "/2/0/x", nil)
	want := http.Header{
		"X-Twice": {"1", "2"}, "Etag": {`"e"`}, "Date": {"Wed, 01 Jul 2026 12:00:00 GMT"}, "Vary": {"a"}, "Retry-After": {"3"}, "Content-Length": {"3"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" || got.StatusCode != 203 || got.body != "abc" {
		t.Errorf("got %d %q, headers (-want +got):\n%s", got.StatusCode, got.body, diff)
	}
}

// No kind is guessed for an answer that has none.
func TestContentTypes(t *testing.T) {
	w := service(t, guarded(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header()["Content-Type"] = nil
		if kind := r.Header.Get("Accept"); kind != "" {
			rw.Header().Set("Content-Type", kind)
		}
		io.WriteString(rw, "<html>")
	}), nil)
	for _, kind := range []string{"", "application/x-odd; charset=x"} {
		if got := w.do("GET", "/x", nil, "Accept", kind); got.Header.Get("Content-Type") != kind {
			t.Errorf("Content-Type %q, want %q", got.Header.Get("Content-Type"), kind)
		}
	}
}

// The client's connection is closed only where more of the request may come on it.
func TestConnectionStays(t *testing.T) {
	problem := errors.New("none")
	for _, test := range []struct {
		name   string
		method string
		length int64
		err    error // of the source
		status int
	}{
		{"without a body", "GET", 0, nil, 200},
		{"without a body, and without a token", "GET", 0, problem, 400},
		{"with a short one", "POST", 10, nil, 200},
		{"with a long one", "POST", 1 << 20, nil, 200},
		{"with a long one of unknown length", "PUT", 1 << 20, nil, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := service(t, guarded(func(rw http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }), nil)
			w.source.err = test.err
			req, err := http.NewRequest(test.method, w.front.URL+"/x", plain{io.LimitReader(zeros{}, test.length)})
			if err != nil {
				t.Fatal(err)
			}
			if req.ContentLength = test.length; test.method == "PUT" {
				req.ContentLength = -1
			}
			response, err := w.client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != test.status || response.Close {
				t.Errorf("status %d, want %d; closed: %v", response.StatusCode, test.status, response.Close)
			}
			if result := w.outcome(); result.Sent != test.length {
				t.Errorf("sent %d bytes, want %d", result.Sent, test.length)
			}
		})
	}
}

func TestAnswersWithoutBody(t *testing.T) {
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.Header().Set("Etag", "e")
			w.WriteHeader(304)
		default:
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(200)
		}
	}), nil)
	for path, method := range map[string]string{"/204": "GET", "/304": "GET", "/200": "HEAD"} {
		got := w.do(method, path, nil)
		if fmt.Sprintf("/%d", got.StatusCode) != path || got.body != "" || method == "HEAD" && got.ContentLength != 1000 {
			t.Errorf("%s %s: %d, length %d, %q", method, path, got.StatusCode, got.ContentLength, got.body)
		}
		if result := w.outcome(); result.Cut || result.err != nil {
			t.Errorf("%s: result %+v", path, result)
		}
	}
}

func TestLocations(t *testing.T) {
	tests := []struct{ prefix, location, want string }{ // HOST is the service's
		{"", "https://HOST/2/0/y?q=%20#f", "/2/0/y?q=%20"},
		{"", "HTTPS://HOST/2/0/a%2Fb", "/2/0/a%2Fb"},
		{"", "//HOST/y", "/y"},
		{"", "https://HOST", "/"},
		{"", "https://HOST?q", "/?q"},
		{"", "https://user:word@HOST/y", "/y"},
		{"", "https://HOST//evil.example/y", "/.//evil.example/y"},
		{"", `https://HOST/\evil.example/y`, "/%5Cevil.example/y"},
		{"", "/2/0/y", "/2/0/y"},
		{"", "y", "y"},
		{"", "http://HOST/y", "http://HOST/y"},
		{"", "https://elsewhere.example/y", "https://elsewhere.example/y"},
		{"", "//elsewhere.example/y", "//elsewhere.example/y"},
		{"", "https://127.0.0.1:1/y", "https://127.0.0.1:1/y"},
		{"", "mailto:x", "mailto:x"},
		{"/prefix", "https://HOST/prefix/y?q", "/y?q"},
		{"/prefix", "/prefix/y", "/y"},
		{"/prefix", "https://HOST/prefix", "/"},
		{"/prefix", "https://HOST/prefixed/y", "https://HOST/prefixed/y"},
		{"/prefix", "https://HOST/other", "https://HOST/other"},
		{"/prefix", "/other", "/other"},
	}
	for _, test := range tests {
		host := ""
		upstream := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{strings.ReplaceAll(test.location, "HOST", host)}
			w.WriteHeader(http.StatusFound)
		}))
		host = upstream.Listener.Addr().String()
		w := newWorld(t, upstream.URL+test.prefix, func(config *proxy.Config) {
			config.Transport = upstream.Client().Transport
		})
		got := w.do("GET", "/2/0/x", nil)
		if location := got.Header.Get("Location"); got.StatusCode != 302 || location != strings.ReplaceAll(test.want, "HOST", host) {
			t.Errorf("prefix %q, location %q: got %d %q, want %q", test.prefix, test.location, got.StatusCode, location, test.want)
		}
		upstream.Close()
	}
}

// TestAudit has the audit API on a host of its own.
func TestAudit(t *testing.T) {
	const answer = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: %s\r\n\r\n"
	_, api := listen(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
	for location, want := range map[string]string{
		"AUDIT/prefix/audit/api/1/events?offset=10": "/audit/api/1/events?offset=10",
		"/prefix/audit/next":                        "/audit/next",
		"AUDIT/prefix/2/0/models":                   "AUDIT/prefix/2/0/models", // here that is the other host's
		"API/2/0/models":                            "/2/0/models",
		"API/audit/api":                             "API/audit/api",
	} {
		service, audit := listen(t, func(conn net.Conn, r *bufio.Reader) {
			hosts := strings.NewReplacer("AUDIT", "http://"+conn.LocalAddr().String(), "API", api)
			answers(fmt.Sprintf(answer, hosts.Replace(location)))(conn, r)
		})
		hosts := strings.NewReplacer("AUDIT", audit, "API", api)
		w := newWorld(t, api, func(config *proxy.Config) { config.Audit = audit + "/prefix" })
		if got := w.do("GET", "/2/0/models", nil); got.StatusCode != 200 {
			t.Errorf("the API answers %d", got.StatusCode)
		}
		got := w.do("GET", "/audit/api/1/events?limit=10", nil)
		if got.StatusCode != 302 || got.Header.Get("Location") != hosts.Replace(want) {
			t.Errorf("location %q: got %d %q, want %q", location, got.StatusCode, got.Header.Get("Location"), want)
		}
		if line, _, _ := strings.Cut(service.text(), "\r\n"); line != "GET /prefix/audit/api/1/events?limit=10 HTTP/1.1" {
			t.Errorf("the audit API got %q", line)
		}
	}
	if _, err := proxy.New(proxy.Config{API: api, Audit: "http://audit.anaplan.com"}); err == nil {
		t.Error("the token would go to the audit API in the clear")
	}
}

// TestRedirectsAreNotFollowed has the service lead to another server.
func TestRedirectsAreNotFollowed(t *testing.T) {
	seen := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
	defer other.Close()
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/y", http.StatusTemporaryRedirect)
	}), nil)
	for _, method := range []string{"GET", "POST"} {
		if got := w.do(method, "/2/0/x", strings.NewReader("b")); got.StatusCode != 307 || got.Header.Get("Location") != other.URL+"/y" {
			t.Errorf("got %d to %q", got.StatusCode, got.Header.Get("Location"))
		}
	}
	if len(seen) != 0 {
		t.Errorf("the other server was called, with %q", <-seen)
	}
}

func TestCompressionAndRangesStay(t *testing.T) {
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	io.WriteString(writer, strings.Repeat("abc", 1000))
	writer.Close()
	var encodings []string
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		encodings = append(encodings, r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		http.ServeContent(w, r, "x.bin", modified, bytes.NewReader(zipped.Bytes()))
	}), nil)
	got := w.do("GET", "/2/0/x", nil)
	if got.body != zipped.String() || got.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("got %d bytes, encoding %q, want the %d compressed ones", len(got.body), got.Header.Get("Content-Encoding"), zipped.Len())
	}
	got = w.do("GET", "/2/0/x", nil, "Range", "bytes=2-5", "Accept-Encoding", "gzip")
	if got.StatusCode != 206 || got.body != zipped.String()[2:6] || got.Header.Get("Content-Range") != fmt.Sprintf("bytes 2-5/%d", zipped.Len()) {
		t.Errorf("got %d %q, range %q", got.StatusCode, got.body, got.Header.Get("Content-Range"))
	}
	if diff := cmp.Diff([]string{"", "gzip"}, encodings); diff != "" {
		t.Errorf("Accept-Encoding (-want +got):\n%s", diff)
	}
}

func TestTrailersPass(t *testing.T) {
	for name, announced := range map[string]string{"announced": "Trailer: X-Sum, Set-Cookie\r\n", "not announced": ""} {
		t.Run(name, func(t *testing.T) {
			_, api := listen(t, answers("HTTP/1.1 200 OK\r\n"+announced+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\nSet-Cookie: a=b\r\nAnaplan-Agent-X: y\r\n\r\n"))
			w := newWorld(t, api, nil)
			got := w.do("GET", "/2/0/x", nil)
			if diff := cmp.Diff(http.Header{"X-Sum": {"7"}}, got.Trailer); diff != "" || got.body != "abc" {
				t.Errorf("body %q, trailer (-want +got):\n%s", got.body, diff)
			}
		})
	}
}

// TestEarlyHintsPass has 1xx come before an answer, with what must not pass.
func TestEarlyHintsPass(t *testing.T) {
	_, api := listen(t, answers("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\nSet-Cookie: a=b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	w := newWorld(t, api, nil)
	conn := w.dial()
	io.WriteString(conn, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
	r := bufio.NewReader(conn)
	if head := readHead(r); head != "HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n" {
		t.Errorf("first came %q", head)
	}
	if head := readHead(r); !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || strings.Contains(head, "Link") {
		t.Errorf("then came %q", head)
	}
}

// TestPieces sees that an answer arrives as it comes, whether its length is known or not.
func TestPieces(t *testing.T) {
	for name, framing := range map[string]string{"length": "Content-Length: 8\r\n\r\n", "none": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			more := make(chan bool)
			_, api := listen(t, func(conn net.Conn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+framing)
				for range more {
					io.WriteString(conn, "abcd")
				}
			})
			w := newWorld(t, api, nil)
			response, err := w.client().Get(w.front.URL + "/x")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			for range 2 {
				more <- true
				piece := make([]byte, 4)
				if _, err := io.ReadFull(response.Body, piece); err != nil || string(piece) != "abcd" {
					t.Errorf("got %q, error %v", piece, err)
				}
			}
			close(more)
			if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
				t.Errorf("then came %q, error %v", rest, err)
			}
		})
	}
}

// TestPiecesUp sees that a body arrives as it comes.
func TestPiecesUp(t *testing.T) {
	arrived := make(chan string)
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 4)
		for {
			if _, err := io.ReadFull(r.Body, piece); err != nil {
				return
			}
			arrived <- string(piece)
		}
	}), nil)
	conn := w.dial()
	io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, piece := range []string{"abcd", "efgh"} {
		io.WriteString(conn, "4\r\n"+piece+"\r\n")
		if got := <-arrived; got != piece {
			t.Errorf("got %q, want %q", got, piece)
		}
	}
	io.WriteString(conn, "0\r\n\r\n")
	if head := readHead(bufio.NewReader(conn)); !strings.HasPrefix(head, "HTTP/1.1 200 ") {
		t.Errorf("answer %q", head)
	}
}

// TestAnswersThatAreNone has services break HTTP, some of them with the token in what they
// say. The client gets nothing of it.
func TestAnswersThatAreNone(t *testing.T) {
	token := "AnaplanAuthToken " + tokenOf(1)
	tests := []struct{ name, answer, words string }{
		{"101", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "status 101"},
		{"101 without an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101"},
		{"status below 100", "HTTP/1.1 050 What\r\n\r\n", "status 50"},
		{"nothing", "", "the connection broke before an answer came"},
		{"half a header", "HTTP/1.1 200 OK\r\nX: " + token, "the connection broke before an answer came"},
		{"no HTTP", token + "\r\n\r\n", "not an HTTP answer"},
		{"a header without a colon", "HTTP/1.1 200 OK\r\n" + token + "\r\n\r\n", "not an HTTP answer"},
		{"a bad length", "HTTP/1.1 200 OK\r\nContent-Length: " + token + "\r\n\r\n", "not an HTTP answer"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "not an HTTP answer"},
		{"an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: x" + tokenOf(1) + "\r\n\r\n", "not an HTTP answer"},
		{"endless headers", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", "not an HTTP answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, api := listen(t, answers(test.answer))
			w := newWorld(t, api, nil)
			got := w.do("POST", "/2/0/x", strings.NewReader("b"))
			result := w.outcome()
			unreachable, ok := errors.AsType[*proxy.UnreachableError](result.err)
			if !ok || !strings.Contains(unreachable.Err.Error(), test.words) || unreachable.Host != strings.TrimPrefix(api, "http://") || got.StatusCode != 502 || result.Began {
				t.Errorf("result %+v, answer %d, want an UnreachableError with the words %q", result, got.StatusCode, test.words)
			}
			if text := fmt.Sprintf("%+v %#v %s", result.err, unreachable.Err, got.body); strings.Contains(text, tokenOf(1)) || strings.Contains(text, "nobody.sees") {
				t.Errorf("the token can be seen: %s", text)
			}
		})
	}
}
