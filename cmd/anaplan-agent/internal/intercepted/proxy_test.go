package intercepted

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// standIn is an agent as its proxy clients see it: it takes CONNECT from a client that shows its
// token, and answers for Anaplan's hosts.
type standIn struct {
	address string
	ca      []byte
	refuses string // the answer to CONNECT; "": it connects

	mu    sync.Mutex
	asked []string
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	s := new(standIn)
	leaf := s.issue(t)
	anaplan := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s https://%s%s %d", r.Method, r.Host, r.URL.Path, n)
	}))
	anaplan.TLS = &tls.Config{Certificates: []tls.Certificate{leaf}}
	anaplan.Config.ErrorLog = log.New(io.Discard, "", 0)
	anaplan.StartTLS()
	t.Cleanup(anaplan.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(t, w, r, anaplan.Listener.Addr().String()) }))
	t.Cleanup(proxy.Close)
	s.address = proxy.Listener.Addr().String()
	return s
}

// issue makes a CA and its certificate for one host.
func (s *standIn) issue(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stand-in"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{anaplan},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: ca.NotAfter, DNSNames: []string{"api.anaplan.com"}}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s.ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve is the stand-in's proxy.
func (s *standIn) serve(t *testing.T, w http.ResponseWriter, r *http.Request, anaplan string) {
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprintf("%s %s as %s%s", r.Method, r.RequestURI, r.Header.Get(local.HeaderClient), r.Header.Get("Proxy-Authorization")))
	s.mu.Unlock()
	switch {
	case s.refuses != "":
		w.Header().Set("Anaplan-Agent-Problem", "not_allowed")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, s.refuses)
		return
	}
	to, err := net.Dial("tcp", anaplan)
	if err != nil {
		t.Error(err)
		return
	}
	from, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { pass(from, to, bufio.NewReader(to)); from.Close() }()
	pass(to, from, early.Reader)
}

func (s *standIn) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, ", ")
}

// run starts a run with the stand-in as the agent. warned returns what the person was told.
func (s *standIn) run(t *testing.T) (run *Run, warned func() string) {
	t.Helper()
	var mu sync.Mutex
	var text strings.Builder
	run, err := Start(Config{
		CA:   s.ca,
		Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", s.address) },
		As:   local.As{Profile: "default", Client: "nightly"},
		Warn: func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&text, format+"\n", args...)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.Close)
	return run, func() string { mu.Lock(); defer mu.Unlock(); return text.String() }
}

// value returns a variable of the run's.
func (r *Run) value(name string) string {
	for _, entry := range r.Env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// client returns an HTTP client as the variables tell it to be.
func (r *Run) client(t *testing.T) *http.Client {
	t.Helper()
	proxy, err := url.Parse(r.value("HTTPS_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile(r.value("SSL_CERT_FILE"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func fetch(client *http.Client, address string, body io.Reader) (string, error) {
	response, err := client.Post(address, "application/octet-stream", body)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.Status + " " + string(text), err
}

// ask sends the proxy a request, with the password that programs have.
func (r *Run) ask(t *testing.T, request string) string {
	t.Helper()
	return r.send(t, r.withPassword(request))
}

// withPassword adds to a request what programs are given where the kernel does not tell who calls.
func (r *Run) withPassword(request string) string {
	if r.proxy.password == "" {
		return request
	}
	shown := base64.StdEncoding.EncodeToString([]byte(user + ":" + r.proxy.password))
	return strings.Replace(request, "\r\n", "\r\nProxy-Authorization: Basic "+shown+"\r\n", 1)
}

// send sends the proxy a request as it stands here.
func (r *Run) send(t *testing.T, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", r.proxy.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, request)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Status + " " + strings.TrimSpace(string(text))
}

func TestTunnel(t *testing.T) {
	s := newStandIn(t)
	run, warned := s.run(t)
	size := 3 << 20
	got, err := fetch(run.client(t), "https://api.anaplan.com/2/0/files/1", bytes.NewReader(make([]byte, size)))
	if want := fmt.Sprintf("200 OK POST https://api.anaplan.com/2/0/files/1 %d", size); err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if got := s.requests(); got != "CONNECT api.anaplan.com:443 as nightly" {
		t.Errorf("the agent was asked %s", got)
	}
	if warned() != "" {
		t.Errorf("warned: %s", warned())
	}
}

// Some programs send the proxy their whole request for an https URL, in clear.
func TestWholeURL(t *testing.T) {
	s := newStandIn(t)
	run, _ := s.run(t)
	asked := -1
	for range 20 { // a connection is free for the next request a moment after the answer
		got := run.ask(t, "POST https://api.anaplan.com/token/authenticate HTTP/1.1\r\nHost: api.anaplan.com\r\nContent-Length: 5\r\nProxy-Authorization: Basic eDp5\r\n\r\nhello")
		if want := "200 OK POST https://api.anaplan.com/token/authenticate 5"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		connects := strings.Split(s.requests(), ", ")
		if i := slices.IndexFunc(connects, func(r string) bool { return r != "CONNECT api.anaplan.com:443 as nightly" }); i >= 0 {
			t.Fatalf("the agent was asked %s", connects[i])
		}
		if len(connects) == asked {
			return
		}
		asked = len(connects)
	}
	t.Error("no connection to the agent is used twice")
}

// The agent's reason reaches the program, and once the person: most programs do not print it.
func TestRefusal(t *testing.T) {
	s := newStandIn(t)
	s.refuses = `{"problem":{"code":"not_allowed","message":"the client may not","hints":["ask for it"]}}`
	run, warned := s.run(t)
	for range 2 {
		if _, err := fetch(run.client(t), "https://x.api.anaplan.com/", nil); err == nil || !strings.Contains(err.Error(), "Forbidden") {
			t.Errorf("the program is told %v", err)
		}
		got := run.ask(t, "GET https://x.api.anaplan.com/ HTTP/1.1\r\nHost: x.api.anaplan.com\r\n\r\n")
		if want := "403 Forbidden anaplan-agent: the client may not"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got, want := warned(), "the program is not connected with x.api.anaplan.com:443: the client may not; ask for it\n"; got != want {
		t.Errorf("warned: %q, want %q", got, want)
	}
}

func TestAgentGone(t *testing.T) {
	s := newStandIn(t)
	s.address = "127.0.0.1:1"
	run, warned := s.run(t)
	if got := run.ask(t, "CONNECT api.anaplan.com:443 HTTP/1.1\r\nHost: api.anaplan.com:443\r\n\r\n"); !strings.HasPrefix(got, "502 Bad Gateway anaplan-agent: the agent cannot be reached: ") {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(warned(), "the agent cannot be reached") {
		t.Errorf("warned: %q", warned())
	}
}

func TestNotAProxysRequest(t *testing.T) {
	run, _ := newStandIn(t).run(t)
	for _, target := range []string{"/2/0/models", "http://api.anaplan.com/2/0/models"} {
		if got := run.ask(t, "GET "+target+" HTTP/1.1\r\nHost: api.anaplan.com\r\n\r\n"); !strings.HasPrefix(got, "400 Bad Request anaplan-agent: this is a proxy for https") {
			t.Errorf("%s: got %q", target, got)
		}
	}
}

// Where the kernel does not tell who calls, a password does.
func TestPassword(t *testing.T) {
	s := newStandIn(t)
	run, _ := s.run(t)
	run.proxy.password = "PASSWORD"
	run.Env = run.proxy.env(t.Errorf)
	if want := "http://exec:PASSWORD@" + run.proxy.address; run.value("https_proxy") != want {
		t.Errorf("https_proxy=%s, want %s", run.value("https_proxy"), want)
	}
	for _, shown := range []string{"", "Proxy-Authorization: Basic ZXhlYzp3cm9uZw==\r\n", "Proxy-Authorization: Bearer PASSWORD\r\n"} {
		if got := run.send(t, "CONNECT api.anaplan.com:443 HTTP/1.1\r\nHost: api.anaplan.com:443\r\n"+shown+"\r\n"); !strings.HasPrefix(got, "407 ") {
			t.Errorf("%q: got %q", shown, got)
		}
	}
	if got := s.requests(); got != "" {
		t.Errorf("the agent was asked %s", got)
	}
	if java, err := javaEnv(os.Getenv, Config{}, run); err != nil || java != nil {
		t.Errorf("Java gets %q, %v", java, err)
	}
}

// What the program leaves behind has no way to the agent any more.
func TestClosed(t *testing.T) {
	run, _ := newStandIn(t).run(t)
	conn, err := net.Dial("tcp", run.proxy.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, run.withPassword("CONNECT api.anaplan.com:443 HTTP/1.1\r\nHost: api.anaplan.com:443\r\n\r\n"))
	reader := bufio.NewReader(conn)
	if response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect}); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	run.Close()
	if _, err := reader.ReadByte(); err == nil {
		t.Error("the tunnel is still open")
	}
	if _, err := net.Dial("tcp", run.proxy.address); err == nil {
		t.Error("the proxy still listens")
	}
	if _, err := os.Stat(run.directory.path); !os.IsNotExist(err) {
		t.Errorf("the directory: %v", err)
	}
}
