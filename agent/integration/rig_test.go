package integration

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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

// quick makes what is tried again be so at once.
var quick = Retry{Delay: time.Millisecond, MaxDelay: time.Millisecond}

// rig is a stand-in for Anaplan, and a client of it that is logged in.
type rig struct {
	*anaplantest.Server
	client *Client
	notes  *notes
}

func newRig(t testing.TB, opts *anaplantest.Options) *rig {
	t.Helper()
	r := &rig{Server: anaplantest.NewServer(t, opts), notes: &notes{}}
	cert := r.Enroll(&rsaKey().PublicKey, nil)
	auth, err := anaplan.New(anaplan.Config{AuthURL: r.URL, Roots: r.CA.Pool})
	if err != nil {
		t.Fatal(err)
	}
	login, err := agent.SignLogin(t.Context(), softKey{cert}, agent.V2, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	token, err := auth.Authenticate(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	authenticated := roundTrip(func(request *http.Request) (*http.Response, error) {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "AnaplanAuthToken "+token.Value.Reveal())
		return r.Client().Transport.RoundTrip(request)
	})
	r.client = &Client{Base: r.URL, HTTP: &http.Client{Transport: closing(t, authenticated)}, Retry: quick, PollPause: time.Millisecond, Notify: r.notes.add}
	return r
}

// closing returns a transport that fails the test if an answer is still open at its end.
func closing(t testing.TB, transport http.RoundTripper) http.RoundTripper {
	var open sync.Map // the request's line, by the body
	t.Cleanup(func() {
		open.Range(func(_, request any) bool {
			t.Errorf("the answer to %s was not closed", request)
			return true
		})
	})
	return roundTrip(func(request *http.Request) (*http.Response, error) {
		response, err := transport.RoundTrip(request)
		if err == nil {
			body := &closedBody{ReadCloser: response.Body, open: &open}
			open.Store(body, request.Method+" "+request.URL.Path)
			response.Body = body
		}
		return response, err
	})
}

type closedBody struct {
	io.ReadCloser
	open *sync.Map
}

// Close implements io.Closer.
func (b *closedBody) Close() error {
	b.open.Delete(b)
	return b.ReadCloser.Close()
}

// plan is the model that most tests use.
func (r *rig) plan(t testing.TB) Model {
	t.Helper()
	return Model{ID: anaplantest.PlanID, Name: "Plan", Workspace: Workspace{anaplantest.FinanceID, "Finance"}}
}

func (r *rig) find(t testing.TB, kind Kind, name string) Thing {
	t.Helper()
	thing, err := r.client.FindThing(t.Context(), r.plan(t), kind, name)
	if err != nil {
		t.Fatal(err)
	}
	return thing
}

// notes are what a Client has told.
type notes struct {
	mu    sync.Mutex
	texts []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.texts = append(n.texts, text)
}

func (n *notes) all() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.texts, "\n")
}

// roundTrip is a function as a transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// served returns a Client whose requests a handler answers in this process, also in a bubble
// of testing/synctest. Its retries are the ones of the Client's defaults.
func served(handler http.HandlerFunc) *Client {
	return &Client{Base: "https://api.example.com", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		var body []byte
		if r.Body != nil {
			var err error
			body, err = io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil {
				return nil, err
			}
		}
		request := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body)).WithContext(r.Context())
		request.Header = r.Header.Clone()
		recorder := httptest.NewRecorder()
		if err := serve(handler, recorder, request); err != nil {
			return nil, err
		}
		return recorder.Result(), nil
	})}}
}

// serve runs a handler; one that aborts has cut the connection, and one that outlives its
// request too.
func serve(handler http.HandlerFunc, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			err = errors.New("the connection was reset")
		} else if v != nil {
			panic(v)
		}
	}()
	handler(w, r)
	return r.Context().Err()
}

// cut ends a connection without an answer.
func cut() { panic(http.ErrAbortHandler) }

func wantError(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q, want the words %q", err, word)
		}
	}
}
