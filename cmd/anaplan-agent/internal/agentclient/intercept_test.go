//go:build unix

package agentclient

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// An agent of an older version has nothing at the CA's path. That it is old is what the person needs
// to know, and not that there is nothing.
func TestInterceptByOlderAgent(t *testing.T) {
	session := answering(t, http.StatusNotFound, `{"code":"bad_request","message":"there is nothing at \"/v1/ca\""}`)
	if _, err := session.Intercept("nightly"); !errors.Is(err, errOlder) {
		t.Errorf("got %v", err)
	}
}

// What something else sends in the place of the agent's CA gets into no trust store, and is not shown.
func TestCAOfAnother(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	foreign := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, text := range []string{"<html>welcome</html>", foreign} {
		session := answering(t, http.StatusOK, text)
		for _, ask := range []func() error{
			func() error { _, err := session.CA(false); return err },
			func() error { _, err := session.CA(true); return err },
			func() error { _, err := session.Intercept("nightly"); return err },
		} {
			err := ask()
			if !errors.Is(err, errNotAgent) || !strings.Contains(err.Error(), session.Socket) || strings.Contains(err.Error(), "welcome") {
				t.Errorf("error %v", err)
			}
			if process := fmt.Sprintf("(process %d, ", os.Getpid()); runtime.GOOS == "linux" && !strings.Contains(err.Error(), process) {
				t.Errorf("error %v, want %s", err, process)
			}
		}
	}
}

// answering returns a session with what answers everything in one way.
func answering(t *testing.T, status int, text string) *Session {
	t.Helper()
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
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, text)
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	client := local.NewClient(socket)
	t.Cleanup(client.Close)
	return &Session{Ctx: t.Context(), Client: client, Socket: socket}
}
