package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// modified is when things were, in these tests.
var modified = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// mustBreak gets what must not seem to be whole.
func (w *world) mustBreak(path string) {
	w.t.Helper()
	response, err := w.client().Get(w.front.URL + path)
	if err != nil {
		return // the header had not gone yet
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil {
		w.t.Errorf("the client takes %q for whole", body)
	}
}

func TestUnreachable(t *testing.T) {
	plainHTTP := httptest.NewServer(http.NotFoundHandler())
	defer plainHTTP.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	tests := []struct{ name, api, words string }{
		{"refused", "http://127.0.0.1:1", "the connection was refused"},
		{"plain HTTP", strings.Replace(plainHTTP.URL, "http:", "https:", 1), "plain HTTP"},
		{"unknown root", untrusted.URL, "no trusted root vouches for its certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.api, nil)
			if got := w.do("GET", "/2/0/x", nil); got.StatusCode != 502 {
				t.Errorf("status %d", got.StatusCode)
			}
			result := w.outcome()
			unreachable, ok := errors.AsType[*proxy.UnreachableError](result.err)
			if !ok || !strings.Contains(unreachable.Err.Error(), test.words) || unreachable.Timeout {
				t.Errorf("error %v, want an UnreachableError with the words %q", result.err, test.words)
			}
		})
	}
}

// TestOldTLS has a service that knows nothing newer than TLS 1.1, and is well but for that.
func TestOldTLS(t *testing.T) {
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	ask := func(least uint16) error {
		base := proxy.NewBase(roots)
		defer base.CloseIdleConnections()
		if least != 0 {
			base.TLSClientConfig.MinVersion = least
		}
		transport := &proxy.Transport{Source: &source{generation: 1, good: 1}, Base: base}
		response, err := transport.RoundTrip(httptest.NewRequest("GET", old.URL, nil))
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	err := ask(0)
	if unreachable, ok := errors.AsType[*proxy.UnreachableError](err); !ok || !strings.Contains(unreachable.Err.Error(), "TLS 1.2 or newer") || unreachable.Sent {
		t.Errorf("error %v", err)
	}
	if err := ask(tls.VersionTLS10); err != nil {
		t.Errorf("a client that takes old TLS is not served either, so this test shows nothing: %v", err)
	}
}

// broken is a transport that fails.
type broken struct{ err error }

func (b broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

func TestFailuresInWords(t *testing.T) {
	tests := []struct {
		name, words string
		err         error
	}{
		{"no such host", `there is no host "api.example"; check the region, the API URL and HTTPS_PROXY`, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "api.example", IsNotFound: true}}},
		{"name server away", `the name "api.example" cannot be looked up now`, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "api.example"}}},
		{"name alone", `the name "api.example" cannot be looked up now`, &net.DNSError{Name: "api.example"}},
		{"no route", "no connection could be made", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}},
		{"refused", "the connection was refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
		{"proxy refused", "the connection was refused by the proxy; check HTTPS_PROXY", &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}},
		{"no route to the proxy", "no connection could be made by the proxy; check HTTPS_PROXY", &net.OpError{Op: "proxyconnect", Err: syscall.EHOSTUNREACH}},
		{"sent: reset", "the connection broke before an answer came", &net.OpError{Op: "read", Err: syscall.ECONNRESET}},
		{"sent: broken pipe", "the connection broke before an answer came", &net.OpError{Op: "write", Err: syscall.EPIPE}},
		{"sent: end", "the connection broke before an answer came", io.EOF},
		{"sent: end in an answer", "the connection broke before an answer came", io.ErrUnexpectedEOF},
		{"sent: late", "no answer came in time", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}},
		{"sent: odd", "the connection failed, or what came is not an HTTP answer", errors.New("hunter2 " + tokenOf(1))},
		{"other certificate", "its certificate is not valid", &tls.CertificateVerificationError{Err: errors.New("hunter2")}},
		{"certificate of no CA", "its certificate is not valid", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}}},
		{"old certificate", "by this machine's clock its certificate has expired or is not valid yet", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}},
		{"another's certificate", "its certificate is for another host", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: new(x509.Certificate)}}},
		{"unknown root", "no trusted root vouches for its certificate; if a proxy of your company inspects TLS, add its root to ca_file", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}},
		{"plain HTTP", "it speaks plain HTTP where TLS is wanted; look at the port of the URL", tls.RecordHeaderError{RecordHeader: [5]byte([]byte("HTTP/"))}},
		{"SSH", "it does not speak TLS; look at the port of the URL", tls.RecordHeaderError{RecordHeader: [5]byte([]byte("SSH-2"))}},
		{"alert", "remote error: tls: old; TLS 1.2 or newer is needed", &net.OpError{Op: "remote error", Err: errors.New("tls: old")}},
		{"alert of our own", "local error: tls: old; TLS 1.2 or newer is needed", &net.OpError{Op: "local error", Err: errors.New("tls: old")}},
	}
	for _, test := range tests {
		transport := &proxy.Transport{Source: &source{generation: 1}, Base: broken{test.err}}
		_, err := transport.RoundTrip(httptest.NewRequest("GET", "https://api.example/x", nil))
		unreachable, ok := errors.AsType[*proxy.UnreachableError](err)
		if !ok || err.Error() != "api.example cannot be reached: "+test.words || unreachable.Host != "api.example" {
			t.Errorf("%s: error %v, want the words %q", test.name, err, test.words)
			continue
		}
		if want := strings.HasPrefix(test.name, "sent: "); unreachable.Sent != want {
			t.Errorf("%s: Sent is %v", test.name, unreachable.Sent)
		}
		if want := test.name == "sent: late"; unreachable.Timeout != want {
			t.Errorf("%s: Timeout is %v", test.name, unreachable.Timeout)
		}
		if text := fmt.Sprintf("%+v %#v", err, unreachable.Err); strings.Contains(text, "hunter2") || strings.Contains(text, tokenOf(1)) {
			t.Errorf("%s: the error shows a secret: %s", test.name, text)
		}
	}
}

// TestProxyOfTheEnvironment has a proxy that does not connect.
func TestProxyOfTheEnvironment(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(407) }))
	defer front.Close()
	address, err := url.Parse(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("user", "hunter2")
	base := proxy.NewBase(nil)
	base.Proxy = http.ProxyURL(address)
	transport := &proxy.Transport{Source: &source{generation: 1}, Base: base}
	_, err = transport.RoundTrip(httptest.NewRequest("GET", "https://api.example/x", nil))
	if err == nil || !strings.Contains(err.Error(), "the proxy "+address.Host+" does not connect (HTTP 407") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

// TestNoAnswerInTime has a service take the request and say nothing.
func TestNoAnswerInTime(t *testing.T) {
	t.Parallel()
	_, api := listen(t, func(conn net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
	base := proxy.NewBase(nil)
	base.ResponseHeaderTimeout = 50 * time.Millisecond
	w := newWorld(t, api, func(config *proxy.Config) { config.Transport = base })
	if got := w.do("GET", "/2/0/x", nil); got.StatusCode != 504 {
		t.Errorf("status %d", got.StatusCode)
	}
	if result := w.outcome(); result.Began || !strings.Contains(result.err.Error(), "no answer came in time") {
		t.Errorf("result %+v", result)
	}
}

func TestHeaderTimeOfAnOwnTransport(t *testing.T) {
	_, api := listen(t, func(conn net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
	p, err := proxy.New(proxy.Config{API: api, Source: &source{generation: 1}, HeaderTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil), proxy.Call{Path: "/x"})
	if unreachable, ok := errors.AsType[*proxy.UnreachableError](err); !ok || !unreachable.Timeout {
		t.Errorf("error %v, want a timeout", err)
	}
}

// TestServiceCutsTheAnswer has services break off in the middle; the client must see that.
func TestServiceCutsTheAnswer(t *testing.T) {
	tests := map[string]string{
		"length":           "Content-Length: 100\r\n\r\nabc",
		"chunks":           "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"in a chunk":       "Transfer-Encoding: chunked\r\n\r\n64\r\nabc",
		"bad chunk":        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n",
		"before trailers":  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
		"in the trailers":  "Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Su",
		"header, no bytes": "Content-Length: 100\r\n\r\n",
	}
	for name, rest := range tests {
		t.Run(name, func(t *testing.T) {
			_, api := listen(t, answers("HTTP/1.1 200 OK\r\n"+rest))
			w := newWorld(t, api, nil)
			w.mustBreak("/x")
			result := w.outcome()
			if !result.Began || !result.Cut || result.Status != 200 || !errors.Is(result.err, proxy.ErrAnswerCut) {
				t.Errorf("result %+v, want a cut", result)
			}
		})
	}
}

func TestServiceStallsInTheAnswer(t *testing.T) {
	_, api := listen(t, func(conn net.Conn, r *bufio.Reader) {
		readHead(r)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
		io.Copy(io.Discard, r)
	})
	w := newWorld(t, api, func(config *proxy.Config) { config.StreamIdle = 100 * time.Millisecond })
	w.mustBreak("/x")
	result := w.outcome()
	if !result.Cut || result.Received != 3 || !errors.Is(result.err, proxy.ErrAnswerCut) || !strings.Contains(result.err.Error(), "nothing came for 100ms") {
		t.Errorf("result %+v, want a cut after 3 bytes", result)
	}
}

// TestServiceTakesNoMore has a service that does not read on.
// All of a body has been read, and no answer comes: that is not the client's failure.
func TestServiceCutsAfterTheBody(t *testing.T) {
	_, api := listen(t, func(conn net.Conn, r *bufio.Reader) {
		readHead(r)
		for line := ""; line != "0\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		r.ReadString('\n')
	})
	w := newWorld(t, api, nil)
	got := w.do("POST", "/x", plain{strings.NewReader(strings.Repeat("a line\n", 20_000))})
	result := w.outcome()
	unreachable, ok := errors.AsType[*proxy.UnreachableError](result.err)
	if !ok || !unreachable.Sent || got.StatusCode != 502 || result.Sent != 140_000 {
		t.Errorf("status %d, result %+v", got.StatusCode, result)
	}
}

// NewBase has bounds on all that a service could draw out.
func TestNewBase(t *testing.T) {
	base := proxy.NewBase(nil)
	got := []any{
		base.ResponseHeaderTimeout, base.ExpectContinueTimeout, base.MaxResponseHeaderBytes, base.MaxIdleConnsPerHost,
		base.ReadBufferSize, base.WriteBufferSize, base.DisableCompression,
	}
	if want := []any{5 * time.Minute, time.Second, int64(256 << 10), 64, 16 << 10, 64 << 10, true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestServiceTakesNoMore(t *testing.T) {
	t.Parallel()
	done := make(chan bool)
	_, api := listen(t, func(conn net.Conn, r *bufio.Reader) { readHead(r); <-done })
	defer close(done)
	w := newWorld(t, api, func(config *proxy.Config) { config.StreamIdle = 100 * time.Millisecond })
	got := w.do("POST", "/x", plain{io.LimitReader(zeros{}, 1<<30)})
	result := w.outcome()
	unreachable, ok := errors.AsType[*proxy.UnreachableError](result.err)
	if !ok || !unreachable.Timeout || !strings.Contains(unreachable.Err.Error(), "it took nothing more of the request for 100ms") || got.StatusCode != 504 {
		t.Errorf("result %+v, answer %d", result, got.StatusCode)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// ending records how bodies end that a service gets.
func ending(ends chan<- error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ends <- err
	}
}

var framings = map[string]string{
	"length": "Content-Length: 1000000\r\n\r\nabc",
	"chunks": "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
	"short":  "Content-Length: 10\r\n\r\nabc", // read before it is sent
}

// TestClientCutsTheBody sees that no service takes half a body for a whole one.
func TestClientCutsTheBody(t *testing.T) {
	t.Parallel()
	for name, framing := range framings {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 10)
			w := service(t, guarded(ending(ends)), nil)
			conn := w.dial()
			io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\n"+framing)
			conn.(*net.TCPConn).CloseWrite()
			result := w.outcome()
			if result.Began || !errors.Is(result.err, proxy.ErrBodyCut) || result.Sent != 3 {
				t.Errorf("result %+v, want ErrBodyCut after 3 bytes", result)
			}
			if name == "short" {
				if len(ends) > 0 || w.limiter.turns() > 0 {
					t.Error("the service was called")
				}
			} else if err := <-ends; err == nil {
				t.Error("the service took the body for whole")
			}
		})
	}
}

func TestBadChunks(t *testing.T) {
	ends := make(chan error, 10)
	w := service(t, guarded(ending(ends)), nil)
	conn := w.dial()
	io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	if result := w.outcome(); !errors.Is(result.err, proxy.ErrBodyCut) || strings.Count(string(answer), "HTTP/1.1 ") != 1 {
		t.Errorf("result %+v, answer %q, want ErrBodyCut and one answer", result, answer)
	}
	if err := <-ends; err == nil {
		t.Error("the service took the body for whole")
	}
}

// TestClientStalls has clients send half a body and wait.
func TestClientStalls(t *testing.T) {
	t.Parallel()
	for name, framing := range framings {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 10)
			w := service(t, guarded(ending(ends)), func(config *proxy.Config) { config.BodyIdle = 100 * time.Millisecond })
			conn := w.dial()
			io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\n"+framing)
			answer, _ := io.ReadAll(conn)
			if !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") || !strings.Contains(string(answer), "Connection: close") {
				t.Errorf("answer %q", answer)
			}
			if result := w.outcome(); result.Began || result.err != proxy.ErrSlowBody {
				t.Errorf("result %+v, want ErrSlowBody", result)
			}
			if name != "short" && <-ends == nil {
				t.Error("the service took the body for whole")
			}
		})
	}
}

// undeadlined hides the deadlines of a ResponseWriter.
type undeadlined struct{ w http.ResponseWriter }

func (u undeadlined) Header() http.Header         { return u.w.Header() }
func (u undeadlined) WriteHeader(status int)      { u.w.WriteHeader(status) }
func (u undeadlined) Write(p []byte) (int, error) { return u.w.Write(p) }

func TestClientStallsWithoutDeadlines(t *testing.T) {
	t.Parallel()
	for name, framing := range framings {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 10)
			w := service(t, guarded(ending(ends)), func(config *proxy.Config) { config.BodyIdle = 100 * time.Millisecond })
			w.wrap = func(rw http.ResponseWriter) http.ResponseWriter { return undeadlined{rw} }
			conn := w.dial()
			io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\n"+framing)
			if result := w.outcome(); result.Began || result.err != proxy.ErrSlowBody || result.Sent != 3 {
				t.Errorf("result %+v, want ErrSlowBody", result)
			}
			conn.Close()
			if name != "short" && <-ends == nil {
				t.Error("the service took the body for whole")
			}
		})
	}
}

func TestBodiesWithoutDeadlines(t *testing.T) {
	w := service(t, guarded(echo), nil)
	w.wrap = func(rw http.ResponseWriter) http.ResponseWriter { return undeadlined{rw} }
	long := strings.Repeat("x", 300<<10)
	if got := w.do("POST", "/x", strings.NewReader(long)); got.body != "POST /x "+long {
		t.Errorf("got %d and %d bytes", got.StatusCode, len(got.body))
	}
}

// TestSlowButSteady has a body come slowly for longer than it may stall, and an answer take
// longer than that: no deadline is left over, for the next request neither.
func TestSlowButSteady(t *testing.T) {
	t.Parallel()
	const idle = 3 * time.Second
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		select {
		case <-time.After(idle + idle/4):
		case <-r.Context().Done():
		}
		fmt.Fprintf(w, "%d %v", len(body), err)
	}), func(config *proxy.Config) { config.BodyIdle, config.StreamIdle = idle, idle })
	conn := w.dial()
	r := bufio.NewReader(conn)
	for _, pieces := range []int{13, 1} { // on one connection
		io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
		tick := time.NewTicker(idle / 10)
		for range pieces {
			<-tick.C
			io.WriteString(conn, "3\r\nabc\r\n")
		}
		tick.Stop()
		io.WriteString(conn, "0\r\n\r\n")
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); string(body) != fmt.Sprintf("%d <nil>", 3*pieces) || err != nil {
			t.Errorf("got %d %q, error %v", response.StatusCode, body, err)
		}
	}
}

// TestClientGoesMidDownload sees that the service is not read on for nobody.
func TestClientGoesMidDownload(t *testing.T) {
	gone := make(chan error, 1)
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(w, zeros{})
		gone <- err
	}), nil)
	response, err := w.client().Get(w.front.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	io.CopyN(io.Discard, response.Body, 1<<20)
	response.Body.Close()
	if err := <-gone; err == nil {
		t.Error("the service wrote an endless answer to its end")
	}
	result := w.outcome()
	if !result.Began || !result.Cut || !errors.Is(result.err, proxy.ErrGone) || result.Received < 1<<20 {
		t.Errorf("result %+v, want a cut and ErrGone", result)
	}
}

// TestContextEndsDuringABody has the caller give up while it waits for a client.
func TestContextEndsDuringABody(t *testing.T) {
	begun, ends := make(chan bool, 1), make(chan error, 10)
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
		begun <- true
		ending(ends)(w, r)
	}), nil)
	cause := errors.New("the agent stops")
	var mu sync.Mutex
	var cancel context.CancelCauseFunc
	w.body = func(_ http.ResponseWriter, r *http.Request) {
		ctx, end := context.WithCancelCause(r.Context())
		mu.Lock()
		defer mu.Unlock()
		cancel = end
		*r = *r.WithContext(ctx)
	}
	conn := w.dial()
	io.WriteString(conn, "POST /x HTTP/1.1\r\nHost: h\r\n"+framings["chunks"])
	<-begun
	mu.Lock()
	cancel(cause)
	mu.Unlock()
	if result := w.outcome(); result.Began || !errors.Is(result.err, cause) {
		t.Errorf("result %+v, want the cause", result)
	}
	conn.Close()
}

// TestTooLargeABody has the caller bound bodies.
func TestTooLargeABody(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 10)
	w := service(t, guarded(ending(ends)), nil)
	w.body = func(rw http.ResponseWriter, r *http.Request) { r.Body = http.MaxBytesReader(rw, r.Body, 100<<10) }
	w.do("POST", "/x", plain{strings.NewReader(strings.Repeat("x", 200<<10))})
	result := w.outcome()
	if _, ok := errors.AsType[*http.MaxBytesError](result.err); !ok || !errors.Is(result.err, proxy.ErrBodyCut) {
		t.Errorf("result %+v, want a MaxBytesError", result)
	}
	if err := <-ends; err == nil {
		t.Error("the service took the body for whole")
	}
}

// TestRecorder has an answer cut where no server runs.
func TestRecorder(t *testing.T) {
	_, api := listen(t, answers("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"))
	result, err := serve(t, api, "/x", "GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
	if !result.Cut || !errors.Is(err, proxy.ErrAnswerCut) {
		t.Errorf("result %+v, error %v", result, err)
	}
}

// TestPanicsPass has something else panic than ReverseProxy for a cut.
func TestPanicsPass(t *testing.T) {
	p, err := proxy.New(proxy.Config{API: "http://127.0.0.1:1", Source: nil})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a mistake of the program was hidden")
		}
	}()
	p.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil), proxy.Call{Path: "/x"})
}
