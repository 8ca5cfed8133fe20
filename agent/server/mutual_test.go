package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// otherMachines are a CA, and a server for those who have a certificate of it.
type otherMachines struct {
	*testing.T
	ca  *mutualtlstest.CA
	dir string // of the server's certificate
	url string
}

func newCA(t *testing.T, name string) *mutualtlstest.CA {
	t.Helper()
	ca, err := mutualtlstest.NewCA(name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// issue writes a certificate, and returns the Identity of it.
func (o *otherMachines) issue(dir string, wanted mutualtlstest.Certificate) *mutualtls.Identity {
	o.Helper()
	if err := o.ca.Issue(dir, wanted); err != nil {
		o.Fatal(err)
	}
	identity, err := mutualtls.Open(dir, nil)
	if err != nil {
		o.Fatal(err)
	}
	return identity
}

func serveOtherMachines(t *testing.T) *otherMachines {
	t.Helper()
	o := &otherMachines{T: t, ca: newCA(t, "Ours"), dir: t.TempDir()}
	identity := o.issue(o.dir, mutualtlstest.Certificate{Names: []string{"127.0.0.1"}})
	allowed, err := policy.Parse([]string{"list"})
	if err != nil {
		t.Fatal(err)
	}
	served := serve(t, server.Config{
		Identity: identity, Profiles: one(t, &upstream{}),
		Clients: func() map[string]*server.Client {
			return map[string]*server.Client{
				"nightly": {Profile: "default", Certificates: []string{"nightly.corp"}, Policy: allowed},
				"report":  {Profile: "default", Certificates: []string{"report.corp"}, Policy: allowed},
			}
		},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- served.ServeTLS(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := ends(t, done); err != nil {
			t.Error(err)
		}
	})
	o.url = "https://" + listener.Addr().String()
	return o
}

// caller returns a caller on another machine, and how many connections it has made.
func (o *otherMachines) caller(name string) (call func(method, path string, header http.Header) (int, string), dials *int) {
	identity := o.issue(o.TempDir(), mutualtlstest.Certificate{Names: []string{name}})
	dials = new(int)
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		*dials++
		return identity.Dial(ctx, address, "127.0.0.1")
	}}
	o.Cleanup(transport.CloseIdleConnections)
	return func(method, path string, header http.Header) (int, string) {
		o.Helper()
		ctx, cancel := context.WithTimeout(o.Context(), patience)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, method, o.url+path, nil)
		if err != nil {
			o.Fatal(err)
		}
		request.Header = header.Clone()
		response, err := transport.RoundTrip(request)
		if err != nil {
			o.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			o.Fatal(err)
		}
		return response.StatusCode, string(text)
	}, dials
}

// TestCertificatesAreLookedAtAgain: who has connected when its CA was trusted has nothing more on that
// connection once it is not.
func TestCertificatesAreLookedAtAgain(t *testing.T) {
	o := serveOtherMachines(t)
	call, dials := o.caller("nightly.corp")
	for range 2 {
		if status, text := call("GET", "/v1/status", http.Header{}); status != http.StatusOK || !strings.Contains(text, `"clients":["nightly"]`) {
			t.Fatalf("got %d %s", status, text)
		}
	}
	o.issue(o.dir, mutualtlstest.Certificate{Names: []string{"127.0.0.1"}, Trust: newCA(t, "Other")})
	status, text := call("GET", "/v1/status", http.Header{})
	if status != http.StatusUnauthorized || !strings.Contains(text, "the caller's certificate is not trusted any more: no CA of ca.crt here vouches") || *dials != 1 {
		t.Errorf("got %d %s by connection %d", status, text, *dials)
	}
}

// TestOnlyCertificatesSayWho: neither a name nor a token makes one caller on another machine another.
func TestOnlyCertificatesSayWho(t *testing.T) {
	o := serveOtherMachines(t)
	nightly, _ := o.caller("nightly.corp")
	report, _ := o.caller("report.corp")
	nobody, _ := o.caller("nobody.corp")
	status, text := nightly("POST", "/token/authenticate", http.Header{})
	_, rest, _ := strings.Cut(text, `"tokenValue":"`)
	value, _, _ := strings.Cut(rest, `"`)
	if status != http.StatusCreated || value == "" {
		t.Fatalf("got %d %s", status, text)
	}
	token := http.Header{"Authorization": {"AnaplanAuthToken " + value}}
	for _, test := range []struct {
		by     func(method, path string, header http.Header) (int, string)
		header http.Header
		status int
		text   string
	}{
		{nightly, token, http.StatusOK, "Token validated"},
		{report, token, http.StatusUnauthorized, "the token was not made for this caller"},
		{nobody, token, http.StatusUnauthorized, "the token was not made for this caller"},
	} {
		if status, text := test.by("GET", "/token/validate", test.header); status != test.status || !strings.Contains(text, test.text) {
			t.Errorf("got %d %s, want %d %s", status, text, test.status, test.text)
		}
	}
	for want, header := range map[string]http.Header{
		"is not the client":     {local.HeaderClient: {"nightly"}},
		"no secret works from":  {"Authorization": {"Basic bmlnaHRseTp4"}},
		"2 Authorization heade": {"Authorization": {"a", "b"}},
	} {
		if status, text := report("POST", "/token/authenticate", header); status < 400 || !strings.Contains(text, want) {
			t.Errorf("%v: got %d %s, want %s", header, status, text, want)
		}
	}
}
