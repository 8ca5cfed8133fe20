package anaplan

import (
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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

var aToken = agent.Token{Value: agent.NewSecret("a.token")}

// logout has the client send something, and returns how that failed.
func logout(t *testing.T, config Config) (*ConnectionError, error) {
	t.Helper()
	config.Retry = Retry{Attempts: 3, Delay: time.Nanosecond}
	client, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	err = client.Logout(t.Context(), aToken)
	broken, _ := errors.AsType[*ConnectionError](err)
	if broken == nil {
		t.Fatalf("error %v, want a ConnectionError", err)
	}
	return broken, err
}

// authority is a CA whose certificates the clock of these tests takes.
func authority(t *testing.T) *anaplantest.CA {
	t.Helper()
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// listenTLS answers with TLS of that configuration.
func listenTLS(t *testing.T, config *tls.Config) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestUntrusted(t *testing.T) {
	ca, stranger := authority(t), authority(t)
	certify := func(hosts ...string) tls.Certificate {
		cert, err := ca.ServerCertificate(hosts...)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	here, elsewhere := certify("127.0.0.1"), certify("elsewhere.example")
	tests := []struct {
		name   string
		server *tls.Config
		roots  func() *x509.CertPool
		words  string
		issuer bool
	}{
		{"unknown root", &tls.Config{Certificates: []tls.Certificate{here}}, stranger.Pool, "no trusted root vouches for its certificate", true},
		{"system roots", &tls.Config{Certificates: []tls.Certificate{here}}, nil, "no trusted root vouches for its certificate", true},
		{"another host", &tls.Config{Certificates: []tls.Certificate{elsewhere}}, ca.Pool, "its certificate is for another host", true},
		{"old TLS", &tls.Config{Certificates: []tls.Certificate{here}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, ca.Pool, "TLS 1.2 or newer is needed", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := listenTLS(t, test.server)
			broken, err := logout(t, Config{AuthURL: server.URL, Roots: test.roots})
			if !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), test.words) || !strings.Contains(err.Error(), broken.Host) {
				t.Errorf("error %v, want ErrUntrusted with the host and the words %q", err, test.words)
			}
			if broken.Attempts != 1 || (broken.Issuer != "") != test.issuer || test.issuer && !strings.Contains(err.Error(), "issuer ") {
				t.Errorf("%d attempts, issuer %q: %v", broken.Attempts, broken.Issuer, err)
			}
		})
	}
}

func TestExpiredServerCertificate(t *testing.T) {
	ca := authority(t)
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := listenTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	// The certificate stays; it is the clock that runs ahead.
	future := func() time.Time { return time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC) }
	transport := newTransport(nil, ca.Pool, nil)
	transport.TLSClientConfig.Time = future
	_, err = logout(t, Config{AuthURL: server.URL, HTTP: &http.Client{Transport: transport}})
	if !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), "has expired or is not valid yet (valid from ") {
		t.Errorf("error %v, want ErrUntrusted with the dates", err)
	}
}

func TestCertificateUntrustedForOtherReasons(t *testing.T) {
	cert := &x509.Certificate{}
	failed := &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Cert: cert, Reason: x509.NotAuthorizedToSign}}
	got := classify(fmt.Errorf("handshake: %w", failed))
	if got.Kind != ErrUntrusted || !got.final || !strings.Contains(got.Reason, "not authorized to sign") || got.Issuer != "" {
		t.Errorf("%#v", got)
	}
}

func TestPlainHTTPWhereTLSIsWanted(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	broken, err := logout(t, Config{AuthURL: strings.Replace(server.URL, "http:", "https:", 1)})
	if !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), "plain HTTP") || broken.Attempts != 1 {
		t.Errorf("error %v after %d attempts", err, broken.Attempts)
	}
}

func TestNoTLSAtAll(t *testing.T) {
	got := classify(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"})
	if got.Kind != ErrUntrusted || !got.final {
		t.Errorf("%#v", got)
	}
}

func TestFailuresToConnect(t *testing.T) {
	lookup := func(notFound bool) error {
		return &net.OpError{Op: "dial", Err: &net.DNSError{Err: "x", Name: "auth.example", IsNotFound: notFound, IsTemporary: !notFound}}
	}
	tests := []struct {
		name     string
		err      error
		kind     error
		attempts int
		words    string
	}{
		{"no such host", lookup(true), ErrUnreachable, 1, `there is no host "auth.example"; check the region, the auth URL and HTTPS_PROXY`},
		{"name server away", lookup(false), ErrUnreachable, 3, `the name "auth.example" cannot be looked up now`},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, ErrUnreachable, 3, "the connection was refused"},
		{"proxy refused", &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, ErrUnreachable, 3, "refused by the proxy; check HTTPS_PROXY"},
		{"no route", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, ErrUnreachable, 3, "no connection could be made"},
		{"dial timeout", &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, ErrUnreachable, 3, "no connection could be made"},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, ErrUnavailable, 3, "the connection broke before an answer came"},
		{"no way to the proxy", &net.OpError{Op: "proxyconnect", Err: syscall.EHOSTUNREACH}, ErrUnreachable, 3, "no connection could be made by the proxy; check HTTPS_PROXY"},
		{"an alert of theirs", &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, ErrUntrusted, 1, "remote error: tls: handshake failure; TLS 1.2 or newer is needed"},
		{"an alert of ours", &net.OpError{Op: "local error", Err: errors.New("tls: bad record MAC")}, ErrUntrusted, 1, "local error: tls: bad record MAC; TLS 1.2 or newer is needed"},
		{"nothing", io.EOF, ErrUnavailable, 3, "the connection broke before an answer came"},
		{"silence, in other words", fmt.Errorf("reading: %w", context.DeadlineExceeded), ErrUnavailable, 3, "no answer within 15s"},
		{"in the middle", fmt.Errorf("%w: %w", errCutOff, io.ErrUnexpectedEOF), ErrUnavailable, 3, "the connection broke in the middle of the answer"},
		{"end", io.ErrUnexpectedEOF, ErrUnavailable, 3, "the connection broke before an answer came"},
		{"silence", os.ErrDeadlineExceeded, ErrUnavailable, 3, "no answer within 15s"},
		{"something new", errors.New("odd\x1b[2J thing"), ErrUnavailable, 3, "odd [2J thing"},
		{"proxy says no", &ConnectionError{Kind: ErrUnreachable, Reason: "no", final: true}, ErrUnreachable, 1, "no"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			broken, err := logout(t, Config{AuthURL: "http://127.0.0.1:1", HTTP: &http.Client{Transport: failing{test.err}}})
			if !errors.Is(err, test.kind) || !strings.HasSuffix(err.Error(), test.words) || broken.Attempts != test.attempts {
				t.Errorf("error %v after %d attempts, want %v after %d with the words %q", err, broken.Attempts, test.kind, test.attempts, test.words)
			}
		})
	}
}

// failing is a transport that fails.
type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestRefusedConnection(t *testing.T) {
	_, err := logout(t, Config{AuthURL: "http://127.0.0.1:1"}) // a port that nobody is given meanwhile
	if !errors.Is(err, ErrUnreachable) {
		t.Errorf("error %v, want ErrUnreachable", err)
	}
}

func TestProxyRefuses(t *testing.T) {
	for status, attempts := range map[int]int{407: 1, 403: 1, 502: 3} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
		defer proxy.Close()
		address, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		address.User = url.UserPassword("user", "hunter2")
		transport := newTransport(nil, nil, nil)
		transport.Proxy = http.ProxyURL(address)
		broken, err := logout(t, Config{AuthURL: "https://auth.example", HTTP: &http.Client{Transport: transport}})
		if !errors.Is(err, ErrUnreachable) || broken.Attempts != attempts || !strings.Contains(err.Error(), fmt.Sprintf("the proxy %s does not connect (HTTP %d", address.Host, status)) {
			t.Errorf("%d: error %v after %d attempts", status, err, broken.Attempts)
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "user") {
			t.Errorf("the error shows the proxy's password: %v", err)
		}
	}
}

func TestProxyConnects(t *testing.T) {
	server := anaplantest.NewServer(t, nil)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tunnel(w, r.Host) }))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := newTransport(nil, server.CA.Pool, nil)
	transport.Proxy = http.ProxyURL(address)
	defer transport.CloseIdleConnections()
	client, err := New(Config{AuthURL: server.URL, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Logout(t.Context(), aToken); !errors.Is(err, ErrTokenRefused) {
		t.Errorf("error %v, want the service's ErrTokenRefused", err)
	}
}

// tunnel is what a proxy does for CONNECT.
func tunnel(w http.ResponseWriter, host string) {
	far, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		far.Close()
		return
	}
	io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		defer near.Close()
		io.Copy(near, far)
	}()
	io.Copy(far, near)
	far.Close()
}
