package proxy_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// A call that is refused with a good token costs nobody that token.
func TestRefusalThatIsNotAboutTheToken(t *testing.T) {
	count, asked := 0, 0
	w := service(t, func(*world) http.HandlerFunc { return refuse(&count) }, func(c *proxy.Config) {
		c.Confirm = func(_ context.Context, lease agent.Lease) bool {
			asked++
			return lease.Generation == 1
		}
	})
	w.source.generation = 1
	got := w.do("GET", "/2/0/x", nil)
	if got.StatusCode != 401 || count != 1 || asked != 1 || len(w.source.replacements()) != 0 {
		t.Errorf("got %d after %d requests; asked %d times, replaced %v", got.StatusCode, count, asked, w.source.replacements())
	}
	if event := <-w.events; event.Kind != proxy.EventRefused {
		t.Errorf("event %+v", event)
	}
}

// What is asked on a client's account is the client's turn.
func TestForClient(t *testing.T) {
	limiter := &limiter{}
	w := service(t, func(*world) http.HandlerFunc { return echo }, nil)
	transport := &proxy.Transport{Source: w.source, Limiter: limiter, Client: "own", Base: roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
	})}
	for _, ctx := range []context.Context{t.Context(), proxy.ForClient(t.Context(), "client:nightly")} {
		r, _ := http.NewRequestWithContext(ctx, "GET", "https://api.example.com/2/0/x", nil)
		if _, err := transport.RoundTrip(r); err != nil {
			t.Fatal(err)
		}
	}
	if len(limiter.clients) != 2 || limiter.clients[0] != "own" || limiter.clients[1] != "client:nightly" {
		t.Errorf("turns of %q", limiter.clients)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
