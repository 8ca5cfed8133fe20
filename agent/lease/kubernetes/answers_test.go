package kubernetes_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/kubernetes"
)

// recorded has what a real kube-apiserver has answered: make fleet-test-kubernetes writes it.
const recorded = "testdata/answers.json"

// bound is for what has to come true; only a failing test reaches it.
const bound = time.Minute

// exchange is a request and its answer.
type exchange struct {
	Method, Path string
	Type         string          `json:",omitempty"`
	Request      json.RawMessage `json:",omitempty"`
	Status       int
	Answer       json.RawMessage
}

// real is a server that answers by itself.
type real interface {
	forward(t *testing.T, req *http.Request, body []byte) (status int, answer json.RawMessage)
	as(t *testing.T, token, method, path, body string) []byte
}

// api is a server in front of the real one, whose answers it records, or in its place.
type api struct {
	*httptest.Server
	t    *testing.T
	real real // nil: there is none, and recorded answers are played
	said []exchange
	next int
}

// newAPI returns a server for a chapter of what was recorded, or is to be.
func newAPI(t *testing.T, real real, said []exchange) *api {
	t.Helper()
	a := &api{t: t, real: real, said: said}
	a.Server = newServer(a)
	t.Cleanup(func() {
		a.Close()
		if a.real == nil && !t.Failed() && a.next != len(a.said) {
			t.Errorf("%d of %d requests were made", a.next, len(a.said))
		}
	})
	return a
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		a.t.Error(err)
	}
	asked := exchange{Method: req.Method, Path: req.URL.Path, Type: req.Header.Get("Content-Type"), Request: body}
	if a.real != nil {
		asked.Status, asked.Answer = a.real.forward(a.t, req, body)
		a.said = append(a.said, asked)
	} else {
		asked.Status, asked.Answer = a.play(asked)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(asked.Status)
	w.Write(asked.Answer)
}

// as makes a request as somebody else than a member, where no recorded answers are played.
func (a *api) as(token, method, path, body string) {
	a.t.Helper()
	if a.real != nil {
		a.real.as(a.t, token, method, path, body)
	}
}

// times are what differs from one run to the next.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`)

// play returns the answer that the real server has given to the same request.
func (a *api) play(asked exchange) (status int, answer json.RawMessage) {
	if a.next == len(a.said) {
		a.t.Errorf("%s %s was not made before", asked.Method, asked.Path)
		return http.StatusTeapot, json.RawMessage(`{}`)
	}
	known := a.said[a.next]
	a.next++
	status, answer = known.Status, known.Answer
	known.Status, known.Answer = 0, nil
	known.Request, asked.Request = plain(known.Request), plain(asked.Request)
	if diff := cmp.Diff(known, asked, cmpopts.EquateEmpty()); diff != "" {
		a.t.Errorf("another request than the recorded one: %s", diff)
	}
	return status, answer
}

// plain returns JSON without blanks, and with one time in the place of all.
func plain(text []byte) []byte {
	var short bytes.Buffer
	if json.Compact(&short, text) != nil {
		return text
	}
	return times.ReplaceAll(short.Bytes(), []byte("TIME"))
}

// account is the directory of a service account, as the kubelet makes it.
type account struct{ dir string }

func (a *api) account(token string) account {
	a.t.Helper()
	one := account{a.t.TempDir()}
	check(a.t, os.WriteFile(one.token(), []byte(token+"\n"), 0o600))
	check(a.t, os.WriteFile(one.ca(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw}), 0o600))
	return one
}

func (a account) token() string { return filepath.Join(a.dir, "token") }
func (a account) ca() string    { return filepath.Join(a.dir, "ca.crt") }

// store returns a Store that reaches a server as a pod of an account does.
func (a *api) store(one account, namespace string) *kubernetes.Store {
	store := kubernetes.New(kubernetes.Config{Namespace: namespace, Name: "anaplan-agent", API: a.URL, TokenFile: one.token(), CAFile: one.ca()})
	a.t.Cleanup(store.Close)
	return store
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
