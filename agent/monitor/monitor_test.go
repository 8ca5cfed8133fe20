package monitor_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/monitor"
)

// watched has serve answer on a loopback port until the test ends, and returns its URL.
func watched(t *testing.T, serve func(context.Context, net.Listener) error) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// sample is an agent that is ready, unless err is set.
func sample(err *error) monitor.Source {
	return monitor.Source{
		Metrics: func(out io.Writer, accept []string) string {
			io.WriteString(out, "up 1\n")
			return "text/" + strings.Join(accept, "")
		},
		Ready: func() error { return *err },
	}
}

// ask returns the status and the body of an answer.
func ask(t *testing.T, method, url string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "x")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Header
}

func TestServe(t *testing.T) {
	var notReady error
	url := watched(t, func(ctx context.Context, listener net.Listener) error {
		return monitor.Serve(ctx, listener, sample(&notReady))
	})
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/metrics", 200, "up 1\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/", 404, "404 page not found\n"},
		{"GET", "/v1/token", 404, "404 page not found\n"},
		{"GET", "/v1/status", 404, "404 page not found\n"},
		{"POST", "/v1/stop", 404, "404 page not found\n"},
		{"POST", "/metrics", 405, "Method Not Allowed\n"},
	} {
		status, body, _ := ask(t, test.method, url+test.path)
		if status != test.status || body != test.body {
			t.Errorf("%s %s: %d %q, want %d %q", test.method, test.path, status, body, test.status, test.body)
		}
	}
	if _, _, header := ask(t, "GET", url+"/metrics"); header.Get("Content-Type") != "text/x" {
		t.Errorf("metrics are %q", header.Get("Content-Type"))
	}
	notReady = errors.New("ana@example.com has no PIN")
	if status, body, _ := ask(t, "GET", url+"/readyz"); status != 503 || strings.Contains(body, "example.com") {
		t.Errorf("not ready: %d %q", status, body)
	}
}

// TestSilentCallers: connections that say nothing keep others out for no longer than it takes to
// send a request.
func TestSilentCallers(t *testing.T) {
	var ready error
	url := watched(t, func(ctx context.Context, listener net.Listener) error {
		return monitor.ServeWithin(ctx, listener, sample(&ready), 4, time.Second)
	})
	for range 8 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if status, _, _ := ask(t, "GET", url+"/healthz"); status != 200 {
		t.Errorf("status %d", status)
	}
}
