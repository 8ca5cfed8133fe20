//go:build unix

package agentclient

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// An agent of an older version has nothing at the CA's path. That it is old is what the person needs
// to know, and not that there is nothing.
func TestInterceptByOlderAgent(t *testing.T) {
	directory, err := os.MkdirTemp("", "a") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	socket := filepath.Join(directory, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	older := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"code":"bad_request","message":"there is nothing at \"`+r.URL.Path+`\""}`)
	})}
	go older.Serve(listener)
	t.Cleanup(func() { older.Close() })
	client := local.NewClient(socket)
	t.Cleanup(client.Close)
	session := &Session{Ctx: t.Context(), Client: client}
	if _, err := session.Intercept("nightly"); !errors.Is(err, errOlder) {
		t.Errorf("got %v", err)
	}
}
