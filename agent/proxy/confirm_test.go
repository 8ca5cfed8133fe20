package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// A call that is refused with a good token costs nobody that token.
func TestRefusalThatIsNotAboutTheToken(t *testing.T) {
	count, asked := 0, 0
	w := service(t, func(*world) http.HandlerFunc { return refuse(&count) }, func(c *proxy.Config) {
		c.Confirm = func(_ context.Context, lease agent.Lease) error {
			if asked++; lease.Generation != 1 {
				return anaplan.ErrTokenRefused
			}
			return nil
		}
	})
	w.source.generation = 1
	got := w.do("GET", "/2/0/x", nil)
	if got.StatusCode != 401 || count != 1 || asked != 1 || len(w.source.replacements()) != 0 {
		t.Errorf("got %d after %d requests; asked %d times, replaced %v", got.StatusCode, count, asked, w.source.replacements())
	}
}

// A token is replaced for Anaplan's own word only: the auth host's, or that of the form of its
// answers where the auth host says nothing.
func TestWhoseRefusal(t *testing.T) {
	const page = "<html>Sign in to the proxy</html>"
	refused := fmt.Errorf("validating the token: %w", anaplan.ErrTokenRefused)
	tests := []struct {
		name, contentType, body string
		word                    error // of the auth host; errNotAsked: there is no Confirm
		replaced                bool
	}{
		{"the API's form", "application/json", ownRefusal, anaplan.ErrUnreachable, true},
		{"the auth host's form", "application/json;charset=utf-8", `{"status":"FAILURE_BAD_CREDENTIAL"}`, anaplan.ErrUnavailable, true},
		{"the API's form alone", "application/json", ownRefusal, errNotAsked, true},
		{"a page", "text/html", page, anaplan.ErrRefused, false},
		{"a page alone", "text/html", page, errNotAsked, false},
		{"a page without a type", "", page, anaplan.ErrBlocked, false},
		{"its form as a page", "text/html; charset=utf-8", ownRefusal, anaplan.ErrRefused, false},
		{"nothing", "", "", anaplan.ErrRefused, false},
		{"another product's JSON", "application/json", `{"error":"unauthorized"}`, anaplan.ErrRefused, false},
		{"another product's status", "application/json", `{"status":401,"error":"Unauthorized"}`, anaplan.ErrRefused, false},
		{"another product's code", "application/json", `{"status":"fail"}`, anaplan.ErrRefused, false},
		{"another status", "application/json", `{"status":{"code":200}}`, anaplan.ErrRefused, false},
		{"no object", "application/json", `["status"]`, anaplan.ErrRefused, false},
		{"a page, and the auth host's word", "text/html", page, refused, true},
		{"nothing, and the auth host's word", "", "", refused, true},
		{"the API's form, and the auth host's word that it is good", "application/json", ownRefusal, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := service(t, func(w *world) http.HandlerFunc {
				return func(rw http.ResponseWriter, r *http.Request) {
					if test.contentType != "" {
						rw.Header().Set("Content-Type", test.contentType)
					}
					rw.WriteHeader(401)
					io.WriteString(rw, test.body)
				}
			}, func(c *proxy.Config) {
				if test.word != errNotAsked {
					c.Confirm = func(context.Context, agent.Lease) error { return test.word }
				}
			})
			if got := w.do("GET", "/2/0/x", nil); got.StatusCode != 401 || got.body != test.body {
				t.Errorf("got %d %q", got.StatusCode, got.body)
			}
			if replaced := len(w.source.replacements()) > 0; replaced != test.replaced {
				t.Errorf("replaced: %v, want %v", replaced, test.replaced)
			}
		})
	}
}

var errNotAsked = errors.New("not asked")

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
