package anaplan_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// counting is a transport that counts the answers whose bodies are open.
type counting struct {
	http.RoundTripper
	answers, open atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		c.answers.Add(1)
		c.open.Add(1)
		response.Body = &counted{ReadCloser: response.Body, by: c}
	}
	return response, err
}

type counted struct {
	io.ReadCloser
	by     *counting
	closed atomic.Bool
}

// Close implements io.Closer.
func (b *counted) Close() error {
	if !b.closed.Swap(true) {
		b.by.open.Add(-1)
	}
	return b.ReadCloser.Close()
}

// TestAnswersAreClosed: whatever comes, nothing of it stays open.
func TestAnswersAreClosed(t *testing.T) {
	server := anaplantest.NewServer(t, nil)
	cert := server.Enroll(&rsaKey().PublicKey, nil)
	transport := &counting{RoundTripper: server.Client().Transport}
	client := newClient(t, anaplan.Config{
		AuthURL: server.URL, HTTP: &http.Client{Transport: transport},
		Retry: anaplan.Retry{Attempts: 2, Delay: time.Millisecond},
	})
	token, err := client.Authenticate(t.Context(), sign(t, cert, agent.V2, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for name, fault := range map[string]anaplantest.Fault{
		"well": nil, "503": anaplantest.Unavailable(), "a page": anaplantest.Blocked(), "no JSON": anaplantest.NotJSON(),
		"cut": anaplantest.CutInside(), "too long": anaplantest.Endless(1 << 20), "elsewhere": anaplantest.Redirecting(server.URL),
	} {
		if fault != nil {
			server.Fault("/token/refresh", 2, fault)
		}
		before := transport.answers.Load()
		client.Refresh(t.Context(), token)
		if transport.answers.Load() == before {
			t.Errorf("%s: nothing came", name)
		}
		if n := transport.open.Load(); n != 0 {
			t.Errorf("%s: %d answers are open", name, n)
			transport.open.Store(0)
		}
	}
	if err := client.Logout(t.Context(), token); err != nil || transport.open.Load() != 0 {
		t.Errorf("logout: %v, %d answers are open", err, transport.open.Load())
	}
}
