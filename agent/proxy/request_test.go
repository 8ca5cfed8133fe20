package proxy_test

import (
	"bufio"
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

func TestAPIURLs(t *testing.T) {
	good := []string{"https://api.anaplan.com", "https://api.anaplan.com/", "https://h/prefix/", "http://127.0.0.1:1", "http://localhost", "http://[::1]:1"}
	for _, api := range good {
		if _, err := proxy.New(proxy.Config{API: api}); err != nil {
			t.Errorf("%s: %v", api, err)
		}
	}
	bad := []string{"", "api.anaplan.com", "http://api.anaplan.com", "https://user:hunter2@api.anaplan.com", "https://h/?q", "https://h/#f", "ftp://h", "https://", "https://h:port"}
	for _, api := range bad {
		_, err := proxy.New(proxy.Config{API: api})
		if err == nil || !strings.HasPrefix(err.Error(), "the API URL: ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v", api, err)
		}
	}
}

// TestTargets looks at the request line that the service gets.
func TestTargets(t *testing.T) {
	tests := []struct{ prefix, asked, path, want string }{
		{"", "/other?a=1&b=%zz;c&&+", "/2/0/x", "GET /2/0/x?a=1&b=%zz;c&&+ HTTP/1.1"},
		{"", "/other?", "/2/0/x", "GET /2/0/x? HTTP/1.1"},
		{"", "/other", "/2/0/a%20b/%C3%A4%2Cx", "GET /2/0/a%20b/%C3%A4%2Cx HTTP/1.1"},
		{"", "/other", "/2/0/a,b", "GET /2/0/a,b HTTP/1.1"},
		{"/prefix/", "/other?q", "/2/0/x", "GET /prefix/2/0/x?q HTTP/1.1"},
		{"/pre%2Ffix", "/other", "/2/0/x", "GET /pre%2Ffix/2/0/x HTTP/1.1"},
		{"", "http://elsewhere.example/other?q", "/2/0/x", "GET /2/0/x?q HTTP/1.1"},
	}
	for _, test := range tests {
		service, api := listen(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		result, err := serve(t, api+test.prefix, test.path, "GET "+test.asked+" HTTP/1.1\r\nHost: client.example\r\n\r\n")
		if err != nil || result.Status != 200 {
			t.Errorf("%s: %+v, error %v", test.path, result, err)
		}
		line, rest, _ := strings.Cut(service.text(), "\r\n")
		if host := "Host: " + strings.TrimPrefix(api, "http://") + "\r\n"; line != test.want || !strings.HasPrefix(rest, host) {
			t.Errorf("the service got %q and %q, want %q and %q", line, rest, test.want, host)
		}
	}
}

// serve has a request served as net/http's server reads it, without such a server.
func serve(t *testing.T, api, path, request string) (proxy.Result, error) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	base := proxy.NewBase(nil)
	defer base.CloseIdleConnections()
	p, err := proxy.New(proxy.Config{API: api, Transport: base, Source: &source{generation: 1, good: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return p.Serve(httptest.NewRecorder(), r, proxy.Call{Path: path})
}

func TestRefusedBeforeAnything(t *testing.T) {
	tests := []struct {
		name, path, request string
		want                error
	}{
		{"websocket", "/x", "GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", proxy.ErrUpgrade},
		{"upgrade without saying so", "/x", "GET /x HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n", proxy.ErrUpgrade},
		{"h2c or something else", "/x", "GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", proxy.ErrUpgrade},
		{"CONNECT", "/x", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrMethod},
		{"TRACE", "/x", "TRACE /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrMethod},
		{"trace", "/x", "trace /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrMethod},
		{"relative path", "x", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrPath},
		{"path with a query", "/x?y", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrPath},
		{"path not escaped", "/a b", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrPath},
		{"path that breaks lines", "/a\r\nX: y", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrPath},
		{"path badly escaped", "/%zz", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", proxy.ErrPath},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, api := listen(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
			result, err := serve(t, api, test.path, test.request)
			if !errors.Is(err, test.want) || result != (proxy.Result{}) {
				t.Errorf("result %+v, error %v, want %v", result, err, test.want)
			}
			if got := service.text(); got != "" {
				t.Errorf("the service got %q", got)
			}
		})
	}
}

// headersSent returns the headers that the service gets for these of the client, without
// the token.
func headersSent(t *testing.T, lines string) http.Header {
	t.Helper()
	var got http.Header
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) { got = r.Header }), nil)
	conn := w.dial()
	io.WriteString(conn, "GET /2/0/x HTTP/1.1\r\nHost: h\r\n"+lines+"\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 200 {
		t.Fatalf("status %d", response.StatusCode)
	}
	got.Del("Authorization")
	return got
}

// TestRequestHeaders has a client send what real ones do: all of that arrives.
func TestRequestHeaders(t *testing.T) {
	want := http.Header{}
	var lines []string
	for _, line := range []string{
		"User-Agent: u", "Accept: a", "Accept: b", "Accept-Charset: utf-8", "Accept-Encoding: br", "Accept-Language: en",
		"Content-Type: application/octet-stream", "Content-Encoding: gzip", "Content-Language: en", "Content-Disposition: attachment",
		"Content-Range: bytes 0-1/2", "Content-Md5: m", "Content-Digest: d", "Range: bytes=0-1", "If-Match: *", "If-None-Match: x", "If-Modified-Since: s",
		"If-Unmodified-Since: s", "If-Range: r", "Cache-Control: no-cache", "Pragma: no-cache", "X-Aconnect-Client: Anaplan_Connect_4.1.0",
		"Traceparent: 00-1-2-01", "Tracestate: a=b", "X-Request-Id: 1", "X-Correlation-Id: 2", "Te: trailers",
	} {
		name, value, _ := strings.Cut(line, ": ")
		want.Add(name, value)
		lines = append(lines, line)
	}
	got := headersSent(t, strings.Join(lines, "\r\n")+"\r\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestOtherRequestHeadersAreNotSent has a client send what could make another request of the one
// that was allowed, what lets it in here, where it comes from, and what nobody has thought of.
func TestOtherRequestHeadersAreNotSent(t *testing.T) {
	got := headersSent(t, strings.Join([]string{
		"User-Agent: u", "Accept-Language: en", "Authorization: AnaplanAuthToken phantom",
		"Proxy-Authorization: p", "Proxy-Anything: p", "Cookie: c", "Cookie2: c", "Origin: o", "Referer: r", "From: f", "Via: v",
		"X-Forwarded-For: 1", "X-Forwarded-Host: h", "X-Forwarded-Prefix: p", "X-Forwarded: f", "X_Forwarded_Host: h", "Forwarded: f", "X-Real-IP: 1",
		"X-Forwarded-Uri: /", "X-Forwarded-Method: DELETE", "True-Client-IP: 1", "Cf-Connecting-Ip: 1", "X-Client-Cert: c", "X-Ssl-Client-Cert: c",
		"X-HTTP-Method-Override: DELETE", "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "x_http_method_override: DELETE", "_method: DELETE",
		"X-Original-Method: DELETE", "X-Method: DELETE", "Method: DELETE", "X-Original-URL: /", "X-Original-Uri: /", "X-Original-Host: h", "X-Override-Url: /",
		"X-Rewrite-URL: /", "X_Original-Url: /", "X-Envoy-Original-Path: /", "X-Envoy-Original-Method: DELETE", "X-Envoy-Upstream-Rq-Timeout-Ms: 1",
		"X-Host: h", "X-Path: /", "X-Uri: /", "Destination: /", "Content_Type: t", "Accept_Language: de", "Range_: r", "If-Anything: i", "Accept-Anything: a",
		"Content-Location: /", "X-Weird_Name: w", "Baggage: b", "Date: d", "Upgrade-Insecure-Requests: 1", "Alt-Used: h", "Service-Worker: s", "Sec-Fetch-Mode: m",
		"Anaplan-Agent-Profile: p", "anaplan-agent-client: c", "Anaplan_Agent_Client: c",
		"Connection: keep-alive, X-Request-Id", "X-Request-Id: h", "Keep-Alive: 1", "TE: deflate",
	}, "\r\n")+"\r\n")
	if diff := cmp.Diff(http.Header{"User-Agent": {"u"}, "Accept-Language": {"en"}}, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestConnectionCannotRemoveTheToken has a client name the header that is put in.
func TestConnectionCannotRemoveTheToken(t *testing.T) {
	headersSent(t, "Connection: Authorization, Host, User-Agent\r\n")
}

// TestOfferOfHTTP2 has a client do what Java's HttpClient does.
func TestOfferOfHTTP2(t *testing.T) {
	got := headersSent(t, "User-Agent: Java\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n")
	if diff := cmp.Diff(http.Header{"User-Agent": {"Java"}}, got); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

// TestUpgradeToNothing has a client name no protocol, which wants none.
func TestUpgradeToNothing(t *testing.T) {
	for _, value := range []string{"", ",", "h2c, "} {
		if got := headersSent(t, "User-Agent: x\r\nUpgrade: "+value+"\r\n"); len(got) != 1 {
			t.Errorf("%q: headers %v", value, got)
		}
	}
}

// TestLengthsOnTheWire has clients claim lengths in all ways, and looks at what the service
// gets.
func TestLengthsOnTheWire(t *testing.T) {
	hidden := "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
	tests := []struct {
		name, request string
		status        string // of the first answer
		want          string // what the service gets after the headers; "-": nothing at all
	}{
		{"length", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "200", "Content-Length: 3|abc"},
		{"chunks", "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n"},
		{"chunk extensions", "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\n\r\n", "200", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n"},
		{"trailers", "POST /x HTTP/1.1\r\nHost: h\r\nTrailer: Authorization\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nAuthorization: mine\r\n\r\n", "200", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n"},
		{"both", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n"},
		{"the other way round", "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 100\r\n\r\n0\r\n\r\n", "200", "Transfer-Encoding: chunked|0\r\n\r\n"},
		{"GET with a body", "GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", "200", "Content-Length: 3|abc"},
		{"GET with chunks", "GET /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", "Transfer-Encoding: chunked|3\r\nabc\r\n0\r\n\r\n"},
		{"length by Connection", "POST /x HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: 3\r\n\r\nabc", "200", "Content-Length: 3|abc"},
		{"two lengths", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 35\r\n\r\nabc" + hidden, "400", "-"},
		{"a list of lengths", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc", "400", "-"},
		{"a length with a sign", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc", "400", "-"},
		{"chunked twice", "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "501", "-"},
		{"chunked in disguise", "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc", "501", "-"},
		{"space before the colon", "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400", "-"},
		{"a header that breaks lines", "GET /x HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", "400", "-"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			service, api := listen(t, echoOnce(test.want))
			w := newWorld(t, api, nil)
			conn := w.dial()
			io.WriteString(conn, test.request)
			answer, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.Contains(answer, test.status) {
				t.Errorf("error %v, answer %q, want status %s", err, answer, test.status)
			}
			got := service.text()
			head, body, _ := strings.Cut(got, "\r\n\r\n")
			length, want, _ := strings.Cut(test.want, "|")
			if test.want == "-" {
				length, want = "", ""
			}
			if body != want || !strings.Contains(head, length) || strings.Count(head, "Content-Length")+strings.Count(head, "Transfer-Encoding") > 1 || strings.Contains(head, "railer") {
				t.Errorf("the service got %q, want %q and %q", got, length, want)
			}
		})
	}
}

// echoOnce answers when the body that it wants has come.
func echoOnce(want string) func(net.Conn, *bufio.Reader) {
	_, body, _ := strings.Cut(want, "|")
	return func(conn net.Conn, r *bufio.Reader) {
		readHead(r)
		io.CopyN(io.Discard, r, int64(len(body)))
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		io.Copy(io.Discard, r) // what else there may be
	}
}

// TestNoBodyBecomesARequest has a service answer early, and the client go on with a body
// that looks like a request.
func TestNoBodyBecomesARequest(t *testing.T) {
	t.Parallel()
	for name, framing := range map[string]string{"length": "Content-Length: 100000", "chunks": "Transfer-Encoding: chunked"} {
		t.Run(name, func(t *testing.T) {
			service, api := listen(t, answers("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"))
			w := newWorld(t, api, nil)
			conn := w.dial()
			fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", framing)
			r := bufio.NewReader(conn)
			if head := readHead(r); !strings.HasPrefix(head, "HTTP/1.1 403 ") || !strings.Contains(head, "Connection: close\r\n") {
				t.Errorf("got %q, want a 403 that closes the connection", head)
			}
			io.WriteString(conn, "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n")
			if rest, _ := io.ReadAll(r); string(rest) != "no" {
				t.Errorf("then came %q, want no", rest)
			}
			if result := w.outcome(); result.Cut || result.err != nil || result.Status != 403 {
				t.Errorf("result %+v", result)
			}
			if strings.Contains(service.text(), "hidden") || len(w.outcomes) > 0 {
				t.Errorf("the body became a request: %q", service.text())
			}
		})
	}
}
