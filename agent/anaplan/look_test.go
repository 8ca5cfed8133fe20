package anaplan_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// TestLook: what answers in its own name can be logged in to again, whatever it answers; what answers
// for another, fails, or wants to be left alone cannot.
func TestLook(t *testing.T) {
	server, client := overTLS(t, nil, nil)
	for name, test := range map[string]struct {
		fault anaplantest.Fault
		want  error
	}{
		"Anaplan":           {nil, nil},
		"another's 401":     {anaplantest.Answering(401, "application/json", `{"error":"unauthorized"}`), nil},
		"400":               {anaplantest.Failing(400), nil},
		"404 as text":       {anaplantest.Answering(404, "text/plain", "no"), nil},
		"200 in JSON":       {anaplantest.Answering(200, "application/json", `{}`), nil},
		"a web page":        {anaplantest.NotJSON(), anaplan.ErrBlocked},
		"a firewall's page": {anaplantest.Blocked(), anaplan.ErrBlocked},
		"a redirect":        {anaplantest.Redirecting("https://portal.example/"), anaplan.ErrRedirect},
		"407":               {anaplantest.Answering(407, "text/plain", ""), anaplan.ErrRefused},
		"429":               {anaplantest.TooManyRequests(""), anaplan.ErrRateLimited},
		"500":               {anaplantest.Failing(500), anaplan.ErrUnavailable},
		"502":               {anaplantest.Failing(502), anaplan.ErrUnavailable},
		"503, a web page":   {anaplantest.Unavailable(), anaplan.ErrUnavailable},
		"504":               {anaplantest.Failing(504), anaplan.ErrUnavailable},
		"a cut connection":  {anaplantest.Cut(), anaplan.ErrUnavailable},
	} {
		if test.fault != nil {
			server.Fault("/token/validate", 2, test.fault) // net/http asks again where a connection that it has kept is cut
		}
		if err := client.Look(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		server.ClearFaults()
	}
	server.Close()
	if err := client.Look(t.Context()); !errors.Is(err, anaplan.ErrUnreachable) {
		t.Errorf("error %v, want ErrUnreachable", err)
	}
}

// TestLookShowsNothing: a look is one request, and has no credential in it.
func TestLookShowsNothing(t *testing.T) {
	server, client := overTLS(t, nil, nil)
	server.Fault("/token/validate", 1, anaplantest.Failing(503))
	if err := client.Look(t.Context()); !errors.Is(err, anaplan.ErrUnavailable) {
		t.Errorf("error %v, want that of the first answer", err)
	}
	server.Fault("/token/validate", 1, func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		for _, name := range []string{"Authorization", "Cookie", "Content-Type"} {
			if value, is := r.Header[name]; is {
				t.Errorf("%s: %q", name, value)
			}
		}
		if r.ContentLength != 0 {
			t.Errorf("a body of %d bytes", r.ContentLength)
		}
		real.ServeHTTP(w, r)
	})
	if err := client.Look(t.Context()); err != nil {
		t.Error(err)
	}
}
