package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// echo answers with what it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
}

func TestRenewsAndReplays(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	tests := []struct {
		name, method string
		body         io.Reader
		header       []string
		want         string
	}{
		{"no body", "GET", nil, nil, "GET /2/0/x "},
		{"short body", "POST", strings.NewReader("short"), nil, "POST /2/0/x short"},
		{"the longest that is kept", "PUT", strings.NewReader(long), nil, "PUT /2/0/x " + long},
		{"short GET body", "GET", strings.NewReader("short"), nil, "GET /2/0/x short"},
		{"short body after 100", "POST", strings.NewReader("short"), []string{"Expect", "100-continue"}, "POST /2/0/x short"},
		{"long body not begun", "POST", strings.NewReader(long + long), []string{"Expect", "100-continue"}, "POST /2/0/x " + long + long},
		{"body of unknown length not begun", "POST", plain{strings.NewReader("short")}, []string{"Expect", "100-continue"}, "POST /2/0/x short"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := service(t, guarded(echo), nil)
			w.source.good = 2
			got := w.do(test.method, "/2/0/x", test.body, test.header...)
			if got.StatusCode != 200 || got.body != test.want {
				t.Errorf("got %d %.100q, want 200 %.100q", got.StatusCode, got.body, test.want)
			}
			if diff := cmp.Diff([]uint64{1}, w.source.replacements()); diff != "" {
				t.Errorf("replacements (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"client:nightly", "client:nightly"}, w.limiter.clients); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
			result := w.outcome()
			want := proxy.Result{Status: 200, Sent: int64(len(test.want) - len(test.method+" /2/0/x ")), Received: int64(len(test.want)), Began: true}
			if diff := cmp.Diff(want, result.Result); diff != "" || result.err != nil {
				t.Errorf("error %v, result (-want +got):\n%s", result.err, diff)
			}
		})
	}
}

// refuse reads what there is to read, and answers 401, many times.
func refuse(count *int) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		*count++
		w.Header().Set("X-Attempt", fmt.Sprint(*count))
		refuseToken(w)
	}
}

// TestRefusedElsewhere: a member of a fleet whose token is refused, and whose key fails, has another make the
// call, which Anaplan has not looked at.
func TestRefusedElsewhere(t *testing.T) {
	problem := agent.Problemf(agent.CodeDeviceAbsent, "no token")
	attempts := 0
	server := httptest.NewServer(refuse(&attempts))
	defer server.Close()
	way := &proxy.Transport{Source: &source{generation: 1, good: 1, replaceErr: problem}, Elsewhere: true}
	for _, test := range []struct {
		body io.Reader
		want error
	}{{nil, problem}, {plain{strings.NewReader("of unknown length")}, nil}} {
		req, err := http.NewRequest("POST", server.URL+"/2/0/x", test.body)
		if err != nil {
			t.Fatal(err)
		}
		response, err := way.RoundTrip(req)
		if err != test.want {
			t.Errorf("got %v, want %v", err, test.want)
		}
		if err == nil {
			response.Body.Close()
		}
	}
}

func TestPasses401On(t *testing.T) {
	long := strings.Repeat("x", 64<<10+1)
	problem := agent.Problemf(agent.CodePINNeeded, "no PIN")
	tests := []struct {
		name     string
		prepare  func(*source)
		body     io.Reader
		attempts int
	}{
		{"a second one", func(*source) {}, nil, 2},
		{"a long body", func(*source) {}, strings.NewReader(long), 1},
		{"a body of unknown length", func(*source) {}, plain{strings.NewReader("short")}, 1},
		{"the same token again", func(s *source) { s.stubborn = true }, nil, 1},
		{"no other token", func(s *source) { s.replaceErr = problem }, nil, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			w := service(t, func(*world) http.HandlerFunc { return refuse(&attempts) }, nil)
			test.prepare(w.source)
			got := w.do("POST", "/2/0/x", test.body)
			if got.StatusCode != 401 || got.body != ownRefusal || got.Header.Get("X-Attempt") != fmt.Sprint(test.attempts) {
				t.Errorf("got %d %q of attempt %s, want 401 of attempt %d", got.StatusCode, got.body, got.Header.Get("X-Attempt"), test.attempts)
			}
			if attempts != test.attempts || w.limiter.turns() != test.attempts {
				t.Errorf("%d attempts in %d turns, want %d", attempts, w.limiter.turns(), test.attempts)
			}
			if diff := cmp.Diff([]uint64{1}, w.source.replacements()); diff != "" {
				t.Errorf("replacements (-want +got):\n%s", diff)
			}
			result := w.outcome()
			if !result.Began || result.Cut || result.err != nil || result.Status != 401 {
				t.Errorf("result %+v", result)
			}
		})
	}
}

func TestNextCallAfterPassed401Works(t *testing.T) {
	w := service(t, guarded(echo), nil)
	w.source.good = 2
	if got := w.do("POST", "/2/0/x", plain{strings.NewReader("once")}); got.StatusCode != 401 || got.body != ownRefusal {
		t.Errorf("first call: %d %q", got.StatusCode, got.body)
	}
	if got := w.do("POST", "/2/0/x", plain{strings.NewReader("twice")}); got.StatusCode != 200 || got.body != "POST /2/0/x twice" {
		t.Errorf("second call: %d %q", got.StatusCode, got.body)
	}
}

// unwanting is a service that answers without wanting the body, and keeps its connection.
func unwanting(status int, body string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, r *bufio.Reader) {
		for readHead(r) != "" {
			fmt.Fprintf(conn, "HTTP/1.1 %d What\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		}
	}
}

// TestBodyNotBegunIsNotRead has the client wait for a 100 that it must not get.
func TestBodyNotBegunIsNotRead(t *testing.T) {
	long := strings.Repeat("no ", 100<<10)
	for _, status := range []int{200, 401, 403} {
		for name, framing := range map[string]string{"length": "Content-Length: 100000", "chunks": "Transfer-Encoding: chunked"} {
			t.Run(fmt.Sprint(status, name), func(t *testing.T) {
				service, api := listen(t, unwanting(status, long))
				w := newWorld(t, api, nil)
				w.source.stubborn = true
				conn := w.dial()
				io.WriteString(conn, "POST /2/0/x HTTP/1.1\r\nHost: h\r\n"+framing+"\r\nExpect: 100-continue\r\n\r\n")
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				if err != nil || response.StatusCode != status || string(body) != long || !response.Close {
					t.Errorf("error %v, got %d and %d bytes; want a %d, no 100, and a close", err, response.StatusCode, len(body), status)
				}
				if result := w.outcome(); result.Sent != 0 || result.Cut || result.err != nil {
					t.Errorf("result %+v", result)
				}
				if got := service.text(); strings.Count(got, "POST") != 1 || !strings.HasSuffix(got, "\r\n\r\n") {
					t.Errorf("the service got %q", got)
				}
			})
		}
	}
}

// TestBodyNotBegunIsReplayed is that with a token that is refused, and then another one.
func TestBodyNotBegunIsReplayed(t *testing.T) {
	body := strings.Repeat("z", 100<<10)
	refuse := unwanting(401, ownRefusal)
	_, api := listen(t, func(conn net.Conn, r *bufio.Reader) {
		if head, _ := r.Peek(1000); strings.Contains(string(head), tokenOf(1)) {
			refuse(conn, r)
			return
		}
		readHead(r)
		io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		got := make([]byte, len(body))
		io.ReadFull(r, got)
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%v", string(got) == body)
	})
	w := newWorld(t, api, nil)
	padding := strings.Repeat("p", 1000) // so that there is as much to be peeked at
	got := w.do("PUT", "/2/0/x", strings.NewReader(body), "Expect", "100-continue", "X-Request-Id", padding)
	if got.StatusCode != 200 || got.body != "true" {
		t.Errorf("got %d %q", got.StatusCode, got.body)
	}
	if diff := cmp.Diff([]uint64{1}, w.source.replacements()); diff != "" {
		t.Errorf("replacements (-want +got):\n%s", diff)
	}
}

// TestRefusalIsClosed has a call refused and sent again: nobody else can close the first answer.
func TestRefusalIsClosed(t *testing.T) {
	refused := closing{strings.NewReader(ownRefusal), make(chan struct{}, 9)}
	calls := 0
	base := roundTripper(func(*http.Request) (*http.Response, error) {
		if calls++; calls == 1 {
			return &http.Response{StatusCode: 401, Header: http.Header{"Content-Type": {"application/json"}}, Body: refused}, nil
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
	})
	transport := &proxy.Transport{Source: &source{generation: 1, good: 2}, Base: base}
	req := httptest.NewRequest("GET", "https://api.example/2/0/x", nil)
	response, err := transport.RoundTrip(req)
	if err != nil || response.StatusCode != 200 || len(refused.closed) == 0 {
		t.Errorf("%+v, %v; the refusal was closed %d times", response, err, len(refused.closed))
	}
}

// TestBodyEndsWithTheCall has a transport read a client's body after the call, as transports may.
func TestBodyEndsWithTheCall(t *testing.T) {
	var late io.Reader
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		late = r.Body
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
	})
	forward, err := proxy.New(proxy.Config{API: "https://api.example", Transport: base, Source: &source{generation: 1, good: 1}})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader(strings.Repeat("x", 100<<10))
	req := httptest.NewRequest("PUT", "http://agent/2/0/x", plain{body})
	req.ContentLength = body.Size()
	if _, err := forward.Serve(httptest.NewRecorder(), req, proxy.Call{Path: "/2/0/x"}); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(late); err == nil || len(text) > 0 || body.Len() != 100<<10 {
		t.Errorf("read %d bytes, %v; %d are left", len(text), err, body.Len())
	}
}

// TestLongRefusal passes on what is too long to be kept.
func TestLongRefusal(t *testing.T) {
	long := strings.Repeat("no ", 100<<10)
	w := service(t, func(*world) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401); io.WriteString(w, long) }
	}, nil)
	w.source.replaceErr = errors.New("none")
	if got := w.do("GET", "/2/0/x", nil); got.StatusCode != 401 || got.body != long || got.err != nil {
		t.Errorf("got %d and %d bytes, error %v", got.StatusCode, len(got.body), got.err)
	}
}

func TestManyRefusedAtOnce(t *testing.T) {
	w := service(t, guarded(echo), nil)
	w.source.good = 2
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if got := w.do("GET", "/2/0/x", nil); got.StatusCode != 200 {
				t.Errorf("got %d %q", got.StatusCode, got.body)
			}
		})
	}
	calls.Wait()
	if w.source.generation != 2 {
		t.Errorf("generation %d after one change, want 2", w.source.generation)
	}
}

func TestHolds(t *testing.T) {
	day := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	later := func(d time.Duration) string { return day.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name, after string
		want        time.Duration
	}{
		{"none", "", 10 * time.Second},
		{"seconds", "7", 7 * time.Second},
		{"a date", later(90 * time.Second), 90 * time.Second},
		{"nonsense", "soon", 10 * time.Second},
		{"a fraction", "1.5", 10 * time.Second},
		{"negative", "-3", 10 * time.Second},
		{"now", "0", time.Second},
		{"a date in the past", later(-time.Hour), time.Second},
		{"too long", "86400", 5 * time.Minute},
		{"endless", "99999999999999999999999999", 5 * time.Minute},
		{"a date far off", later(999 * time.Hour), 5 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) {
				if test.after != "" {
					w.Header().Set("Retry-After", test.after)
				}
				w.Header().Set("Date", later(0))
				w.WriteHeader(429)
				io.WriteString(w, "slower")
			}), nil)
			got := w.do("GET", "/2/0/x", nil)
			if got.StatusCode != 429 || got.body != "slower" || got.Header.Get("Retry-After") != test.after {
				t.Errorf("got %d %q, Retry-After %q", got.StatusCode, got.body, got.Header.Get("Retry-After"))
			}
			if diff := cmp.Diff([]time.Duration{test.want}, w.limiter.held); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorsOfSourceAndLimiterPassAsTheyAre(t *testing.T) {
	problem := &agent.Problem{Code: agent.CodePINNeeded, Message: "no PIN", Human: true}
	busy := errors.New("busy")
	tests := []struct {
		name    string
		prepare func(*world)
		want    error
		seen    int // requests that the service saw
	}{
		{"source", func(w *world) { w.source.err = problem }, problem, 0},
		{"limiter", func(w *world) { w.limiter.err, w.limiter.errFrom = busy, 1 }, busy, 0},
		{"limiter at the replay", func(w *world) { w.limiter.err, w.limiter.errFrom, w.source.good = busy, 2, 2 }, busy, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := 0
			w := service(t, func(w *world) http.HandlerFunc {
				return func(rw http.ResponseWriter, r *http.Request) { seen++; guarded(echo)(w)(rw, r) }
			}, nil)
			test.prepare(w)
			w.do("GET", "/2/0/x", nil)
			result := w.outcome()
			if result.Result != (proxy.Result{}) || result.err != test.want {
				t.Errorf("result %+v, want nothing begun and error %v", result, test.want)
			}
			if seen != test.seen {
				t.Errorf("the service saw %d requests, want %d", seen, test.seen)
			}
		})
	}
}

// bare makes calls by a Transport without a Proxy.
func bare(t *testing.T, transport *proxy.Transport, handler http.HandlerFunc) (*http.Client, *httptest.Server) {
	bounded(t)
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	base := proxy.NewBase(server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	t.Cleanup(base.CloseIdleConnections)
	transport.Base = base
	return &http.Client{Transport: transport}, server
}

func TestTransportAlone(t *testing.T) {
	source, limiter := &source{generation: 1, good: 2}, &limiter{}
	transport := &proxy.Transport{Source: source, Limiter: limiter, Client: "nightly"}
	client, server := bare(t, transport, func(w http.ResponseWriter, r *http.Request) {
		if !source.takes(r) {
			refuseToken(w)
			return
		}
		echo(w, r)
	})
	// It has a GetBody, so its length does not matter.
	long := strings.Repeat("x", 200<<10)
	response, err := client.Post(server.URL+"/2/0/x", "text/plain", strings.NewReader(long))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 || string(body) != "POST /2/0/x "+long {
		t.Errorf("got %d and %d bytes", response.StatusCode, len(body))
	}
	if diff := cmp.Diff([]string{"nightly", "nightly"}, limiter.clients); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	if response.Request.Header.Get("Authorization") != "" {
		t.Error("the answer's request has the token")
	}
}

// closing counts the closes of a body.
type closing struct {
	io.Reader
	closed chan struct{}
}

func (c closing) Close() error { c.closed <- struct{}{}; return nil }

func TestBodiesAreClosed(t *testing.T) {
	problem := errors.New("none")
	tests := []struct {
		name    string
		source  *source
		length  int64
		expect  bool
		refused bool
	}{
		{"no token", &source{generation: 1, err: problem}, 1 << 20, false, false},
		{"sent", &source{generation: 1, good: 1}, -1, false, false},
		{"short", &source{generation: 1, good: 1}, 5, false, false},
		{"refused before it was begun", &source{generation: 1, good: 2, replaceErr: problem}, -1, true, false},
		{"not begun, sent then", &source{generation: 1, good: 2}, -1, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, server := bare(t, &proxy.Transport{Source: test.source}, func(w http.ResponseWriter, r *http.Request) {
				if !test.source.takes(r) {
					refuseToken(w)
					return
				}
				echo(w, r)
			})
			body := closing{strings.NewReader("short"), make(chan struct{}, 10)}
			req, err := http.NewRequest("POST", server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = test.length
			if test.expect {
				req.Header.Set("Expect", "100-continue")
			}
			if response, err := client.Do(req); err == nil {
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
			select {
			case <-body.closed:
			case <-time.After(patience):
				t.Error("the body has not been closed")
			}
		})
	}
}

// A request that is refused at once has a body all the same.
func TestBodyOfARedirectIsClosed(t *testing.T) {
	transport := &proxy.Transport{Source: &source{generation: 1, good: 1}, Base: broken{errors.New("it was sent")}}
	body := closing{strings.NewReader("short"), make(chan struct{}, 1)}
	req := httptest.NewRequest("POST", "https://elsewhere.example/x", body)
	req.Response = &http.Response{Request: httptest.NewRequest("POST", "https://api.example/x", nil)}
	if _, err := transport.RoundTrip(req); err != proxy.ErrRedirect {
		t.Errorf("error %v, want ErrRedirect", err)
	}
	if len(body.closed) != 1 {
		t.Error("the body has not been closed")
	}
}

// A body of 64 KiB is kept for a second try, and a longer one is not.
func TestHowMuchIsReplayed(t *testing.T) {
	for length, want := range map[int64]int{1: 200, 64 << 10: 200, 64<<10 + 1: 401} {
		source := &source{generation: 1, good: 2}
		client, server := bare(t, &proxy.Transport{Source: source}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if !source.takes(r) {
				refuseToken(w)
			} else if int64(len(body)) != length {
				w.WriteHeader(400)
			}
		})
		req, err := http.NewRequest("POST", server.URL, plain{io.LimitReader(zeros{}, length)})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		response, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes: status %d, want %d", length, response.StatusCode, want)
		}
	}
}

func TestShortBodiesThatFail(t *testing.T) {
	transport := &proxy.Transport{Source: &source{generation: 1, good: 1}, Base: broken{errors.New("it was sent")}}
	problem := errors.New("the disk is gone")
	for _, test := range []struct {
		body io.Reader
		want string
	}{
		{strings.NewReader(""), "unexpected EOF"},
		{strings.NewReader("shor"), "unexpected EOF"},
		{strings.NewReader("short and more"), "the body is longer than its Content-Length"},
		{iotest.ErrReader(problem), problem.Error()},
	} {
		req := httptest.NewRequest("POST", "https://api.example/x", plain{test.body})
		req.ContentLength = 5
		if _, err := transport.RoundTrip(req); err == nil || err.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
	}
}

func TestLengthsThatAreWrong(t *testing.T) {
	for _, length := range []int64{4, 6} {
		source := &source{generation: 1, good: 1}
		client, server := bare(t, &proxy.Transport{Source: source}, echo)
		req, err := http.NewRequest("POST", server.URL, plain{strings.NewReader("short")})
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		if response, err := client.Do(req); err == nil {
			response.Body.Close()
			t.Errorf("a body of 5 bytes was sent as one of %d", length)
		}
	}
}

func TestRedirectsKeepTheToken(t *testing.T) {
	var mu sync.Mutex
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		elsewhere = append(elsewhere, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	client, server := bare(t, &proxy.Transport{Source: &source{generation: 1, good: 1}}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusFound)
		default:
			fmt.Fprint(w, r.Header.Get("Authorization"))
		}
	})
	if _, err := client.Get(server.URL + "/away"); !errors.Is(err, proxy.ErrRedirect) {
		t.Errorf("error %v, want ErrRedirect", err)
	}
	if len(elsewhere) != 0 {
		t.Errorf("the other server saw requests with %q", elsewhere)
	}
	response, err := client.Get(server.URL + "/near")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "AnaplanAuthToken "+tokenOf(1) {
		t.Errorf("after a redirect on the same server: %q", body)
	}
}

// TestContinueIsWaitedFor has services that do or do not say that they want a body.
func TestContinueIsWaitedFor(t *testing.T) {
	tests := map[string]string{
		"100":                "HTTP/1.1 100 Continue\r\n\r\n",
		"nothing":            "",
		"something else":     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
		"half of an answer":  "HTTP/1.1 2",
		"early hints and go": "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
	}
	for name, first := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.Repeat("y", 100<<10)
			service, api := listen(t, func(conn net.Conn, r *bufio.Reader) {
				readHead(r)
				io.WriteString(conn, first)
				io.CopyN(io.Discard, r, int64(len(body)))
				rest, _ := strings.CutPrefix("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", first)
				io.WriteString(conn, rest)
			})
			w := newWorld(t, api, nil)
			got := w.do("POST", "/2/0/x", strings.NewReader(body), "Expect", "100-continue")
			if got.StatusCode != 200 || got.body != "ok" {
				t.Errorf("got %d %q", got.StatusCode, got.body)
			}
			if !strings.HasSuffix(service.text(), body) {
				t.Error("the service did not get the body")
			}
		})
	}
}

func TestOneContinueForTheClient(t *testing.T) {
	w := service(t, guarded(echo), nil)
	conn := w.dial()
	body := strings.Repeat("z", 100<<10)
	fmt.Fprintf(conn, "POST /2/0/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n", len(body))
	r := bufio.NewReader(conn)
	if head := readHead(r); head != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("first came %q", head)
	}
	io.WriteString(conn, body)
	if head := readHead(r); !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("then came %q", head)
	}
}

func TestCallerGoesWhileItWaits(t *testing.T) {
	var serving sync.WaitGroup
	serving.Add(1)
	w := service(t, func(*world) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { serving.Done(); <-r.Context().Done() }
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", w.front.URL+"/2/0/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		if response, err := w.client().Do(req); err == nil {
			response.Body.Close()
		}
	})
	serving.Wait()
	cancel()
	asking.Wait()
	if result := w.outcome(); result.Began || !errors.Is(result.err, proxy.ErrGone) || !errors.Is(result.err, context.Canceled) {
		t.Errorf("result %+v, want ErrGone", result)
	}
}

func TestUserAgentsOfThemselves(t *testing.T) {
	var agents []string
	w := service(t, guarded(func(w http.ResponseWriter, r *http.Request) { agents = append(agents, r.UserAgent()) }), nil)
	unnamed := newWorld(t, "http://127.0.0.1:1", func(config *proxy.Config) {
		config.UserAgent, config.Transport = "", recorder(func(r *http.Request) { agents = append(agents, r.UserAgent()) })
	})
	unnamed.do("GET", "/x", nil, "User-Agent", "")
	for _, header := range []string{"User-Agent: mine\r\n", "User-Agent:\r\n", ""} {
		conn := w.dial()
		io.WriteString(conn, "GET /2/0/x HTTP/1.1\r\nHost: h\r\n"+header+"Connection: close\r\n\r\n")
		io.Copy(io.Discard, conn)
	}
	if want := []string{"anaplan-agent", "mine", "test-agent/1", "test-agent/1"}; !slices.Equal(agents, want) {
		t.Errorf("user agents %q, want %q", agents, want)
	}
}

// recorder is a transport that fails, having seen the request.
type recorder func(*http.Request)

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r(req)
	return nil, io.EOF
}
