package anaplan_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// rsaKey is the key of all the tests: making one takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// softKey logs in with rsaKey and a certificate.
type softKey struct{ cert *x509.Certificate }

func (k softKey) Certificate() *x509.Certificate { return k.cert }

func (k softKey) SignSHA512(_ context.Context, message []byte) ([]byte, error) {
	digest := sha512.Sum512(message)
	return rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA512, digest[:])
}

func sign(t testing.TB, cert *x509.Certificate, format agent.Format, at time.Time) *agent.Login {
	t.Helper()
	login, err := agent.SignLogin(t.Context(), softKey{cert}, format, at)
	if err != nil {
		t.Fatal(err)
	}
	return login
}

func newCA(t testing.TB) *anaplantest.CA {
	t.Helper()
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t testing.TB) *x509.Certificate {
	t.Helper()
	cert, err := newCA(t).IssueForKey(&rsaKey().PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newClient(t testing.TB, config anaplan.Config) *anaplan.Client {
	t.Helper()
	client, err := anaplan.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// pipeListener hands a server the connections that its dial makes, so that HTTP
// works inside a testing/synctest bubble, where sockets do not.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipe serves handler over pipes until the test ends, and returns a client of it.
func pipe(t *testing.T, handler http.Handler) *http.Client {
	t.Helper()
	listener := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	transport := &http.Transport{DialContext: listener.dial}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		close(listener.done)
		server.Close()
		serving.Wait()
	})
	return &http.Client{Transport: transport}
}
