package anaplantest

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// TB is the part of testing.TB that this package needs. It is an interface so
// that the package does not bring testing, and its flags, into commands.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
}

// Server is a Service that listens with TLS on a port of the loopback interface.
// Authentication and integration hosts are one: their paths do not collide.
type Server struct {
	*Service
	URL string // https://127.0.0.1:PORT
	CA  *CA    // signed the server's certificate, and signs those of Enroll

	t        TB
	client   *http.Client
	listener net.Listener
	close    func()
	inFlight sync.RWMutex // read-locked by each handler
}

// NewServer starts a Server and closes it when the test ends. opts may be nil.
func NewServer(t TB, opts *Options) *Server {
	t.Helper()
	ca, err := NewCA()
	check(t, err)
	cert, err := ca.ServerCertificate("127.0.0.1", "localhost")
	check(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)

	s := &Server{Service: New(opts), URL: "https://" + listener.Addr().String(), CA: ca, t: t, listener: listener}
	// HTTP/2 is tried, as it is with the real hosts, and it has to be asked for
	// where the TLS configuration is one's own.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}, ForceAttemptHTTP2: true}
	s.client = &http.Client{Transport: transport}
	s.serve(cert)
	return s
}

// serve starts the server and arranges for its end.
func (s *Server) serve(cert tls.Certificate) {
	server := &http.Server{
		Handler:   s,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
		// Tests cut connections and refuse certificates on purpose; net/http would
		// write about each.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	// The goroutine ends when close ends the server, and close waits for it.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.ServeTLS(s.listener, "", "")
	}()
	s.close = sync.OnceFunc(func() {
		s.client.CloseIdleConnections()
		server.Close()
		<-ended
		// Got when no handler holds it any more: nothing of this test runs on into
		// the next.
		s.inFlight.Lock()
		defer s.inFlight.Unlock()
	})
	s.t.Cleanup(s.close)
}

// Close ends the server: connections are closed, which also ends faults that
// hang, and all handlers are waited for. The end of the test does it too.
func (s *Server) Close() { s.close() }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.inFlight.RLock()
	defer s.inFlight.RUnlock()
	s.Service.ServeHTTP(w, r)
}

// Client returns an HTTP client that trusts the server, the same at each call.
func (s *Server) Client() *http.Client { return s.client }

// Enroll issues a certificate for a key from the server's CA, registers it, and
// returns it. opts may be nil.
func (s *Server) Enroll(public crypto.PublicKey, opts *IssueOptions) *x509.Certificate {
	s.t.Helper()
	cert, err := s.CA.IssueForKey(public, opts)
	check(s.t, err)
	_, err = s.RegisterCertificate(cert)
	check(s.t, err)
	return cert
}

// check ends the test if err is one.
func check(t TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal("anaplantest:", err)
	}
}
