package anaplan_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// trusting returns a client of a server that one authority vouches for, which asks another authority
// first, and what the server was sent.
func trusting(t *testing.T, rest func(ca *anaplantest.CA) func() *x509.CertPool) (client *anaplan.Client, messages chan string) {
	t.Helper()
	ca, stranger := newCA(t), newCA(t)
	certificate, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	messages = make(chan string, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ EncodedData string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		messages <- body.EncodedData
		w.WriteHeader(http.StatusUnauthorized)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	client = newClient(t, anaplan.Config{AuthURL: server.URL, Roots: stranger.Pool, RestRoots: rest(ca), Retry: anaplan.Retry{Attempts: 1}})
	t.Cleanup(client.Disconnect)
	return client, messages
}

// TestRestRoots: where the roots that are at hand do not vouch for the service the rest are read,
// once, and the same login is sent, whole and once.
func TestRestRoots(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		read := 0
		client, messages := trusting(t, func(ca *anaplantest.CA) func() *x509.CertPool {
			return func() *x509.CertPool { read++; return ca.Pool() }
		})
		if ahead {
			client.Connect(t.Context())
		}
		login := sign(t, issue(t), agent.V2, time.Now())
		for range 2 {
			_, err := client.Authenticate(t.Context(), login)
			if _, isAnswer := errors.AsType[*anaplan.AnswerError](err); !isAnswer {
				t.Fatalf("connected ahead %v: error %v, want the server's answer", ahead, err)
			}
			if got, want := <-messages, base64.StdEncoding.EncodeToString(login.Message.Bytes()); got != want {
				t.Errorf("connected ahead %v: the message %q arrived, want %q", ahead, got, want)
			}
		}
		if read != 1 || len(messages) != 0 {
			t.Errorf("connected ahead %v: read %d times, %d requests too many", ahead, read, len(messages))
		}
	}
}

// TestRestRootsWithoutABody: so do calls that have none.
func TestRestRootsWithoutABody(t *testing.T) {
	ca, stranger := newCA(t), newCA(t)
	certificate, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	defer server.Close()
	client := newClient(t, anaplan.Config{AuthURL: server.URL, Roots: stranger.Pool, RestRoots: ca.Pool, Retry: anaplan.Retry{Attempts: 1}})
	defer client.Disconnect()
	_, err = client.Validate(t.Context(), agent.Token{Value: agent.NewSecret("token")})
	host := strings.TrimPrefix(server.URL, "https://")
	if answer, ok := errors.AsType[*anaplan.AnswerError](err); !ok || answer.Status != http.StatusUnauthorized || !strings.HasPrefix(answer.Error(), host+": "+answer.Kind.Error()) {
		t.Errorf("got %v, want the answer of %s", err, host)
	}
}

// TestDisconnectAfterRestRoots: also the connections that more roots were needed for are closed.
func TestDisconnectAfterRestRoots(t *testing.T) {
	ca, stranger := newCA(t), newCA(t)
	certificate, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		}
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	defer server.Close()
	client := newClient(t, anaplan.Config{AuthURL: server.URL, Roots: stranger.Pool, RestRoots: ca.Pool, Retry: anaplan.Retry{Attempts: 1}})
	client.Authenticate(t.Context(), sign(t, issue(t), agent.V2, time.Now()))
	if open.Load() == 0 {
		t.Fatal("the connection is not kept")
	}
	client.Disconnect()
	for deadline := time.Now().Add(time.Minute); open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open", open.Load())
		}
	}
}

// TestNoRestRoots: a server that nobody vouches for is sent nothing.
func TestNoRestRoots(t *testing.T) {
	for name, rest := range map[string]func(*anaplantest.CA) func() *x509.CertPool{
		"none":         func(*anaplantest.CA) func() *x509.CertPool { return nil },
		"the system's": func(*anaplantest.CA) func() *x509.CertPool { return func() *x509.CertPool { return nil } },
		"strange ones": func(*anaplantest.CA) func() *x509.CertPool { return newCA(t).Pool },
	} {
		client, messages := trusting(t, rest)
		_, err := client.Authenticate(t.Context(), sign(t, issue(t), agent.V2, time.Now()))
		if !errors.Is(err, anaplan.ErrUntrusted) || !strings.Contains(err.Error(), "no trusted root vouches for its certificate") || len(messages) > 0 {
			t.Errorf("%s: error %v after %d requests", name, err, len(messages))
		}
	}
}
