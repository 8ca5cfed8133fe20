//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// weatherServer is an Anaplan whose weather can be made, and which remembers the secrets that came to
// it.
type weatherServer struct {
	server *anaplantest.Server

	mu      sync.Mutex
	path    string            // the weather is there; "": everywhere
	weather anaplantest.Fault // nil: fair
	met     int               // requests that it befell
	secrets []string
}

func newWeatherServer(t *testing.T, options anaplantest.Options) *weatherServer {
	a := &weatherServer{server: anaplantest.NewServer(t, &options)}
	a.server.Fault("/", 1<<30, a.answer)
	return a
}

// answer is the Fault of all requests.
func (a *weatherServer) answer(w http.ResponseWriter, r *http.Request, real http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.overhear(body)
	if weather := a.weatherAt(r.URL.Path); weather != nil {
		weather(w, r, real)
		return
	}
	real.ServeHTTP(w, r)
}

// overhear keeps the message and the signature of a login.
func (a *weatherServer) overhear(body []byte) {
	var login struct{ EncodedData, EncodedSignedData string }
	if json.Unmarshal(body, &login) != nil || login.EncodedData == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secrets = append(a.secrets, login.EncodedData, login.EncodedSignedData)
	for _, secret := range decoded([]string{login.EncodedData, login.EncodedSignedData}) {
		a.secrets = append(a.secrets, string(secret))
	}
}

func (a *weatherServer) overheard() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.secrets
}

// weatherAt returns the weather at a path, and counts it.
func (a *weatherServer) weatherAt(path string) anaplantest.Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.weather == nil || !strings.HasSuffix(path, a.path) {
		return nil
	}
	a.met++
	return a.weather
}

// turn begins the weather at paths with that end; nil: it is fair again.
func (a *weatherServer) turn(path string, weather anaplantest.Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.path, a.weather, a.met = path, weather, 0
}

func (a *weatherServer) hasMet() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.met > 0
}
