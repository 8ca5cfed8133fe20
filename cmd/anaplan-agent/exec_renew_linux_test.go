package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// TestExecRenews: the phantom token of a program is renewed for as long as the program runs, and then
// ended. The agent in this test hands out tokens that live for seconds.
func TestExecRenews(t *testing.T) {
	dir := t.TempDir()
	socket, renewed := filepath.Join(dir, "s"), filepath.Join(dir, "renewed")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var renewals, ends atomic.Int32
	token := func(w http.ResponseWriter) {
		fmt.Fprintf(w, `{"tokenInfo":{"tokenValue":"aap_of-this-test","expiresAt":%d}}`, time.Now().Add(3*time.Second).UnixMilli())
	}
	agent := http.NewServeMux()
	agent.HandleFunc("/v1/status", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"pid":1,"profiles":[{"name":"default","state":"healthy"}]}`)
	})
	agent.HandleFunc("/token/authenticate", func(w http.ResponseWriter, _ *http.Request) { token(w) })
	agent.HandleFunc("/token/refresh", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "AnaplanAuthToken aap_of-this-test" {
			t.Error("it is renewed without the token")
		}
		if renewals.Add(1) == 2 {
			os.WriteFile(renewed, nil, 0o600)
		}
		token(w)
	})
	agent.HandleFunc("/token/logout", func(w http.ResponseWriter, _ *http.Request) { ends.Add(1); w.WriteHeader(http.StatusNoContent) })
	server := &http.Server{Handler: agent}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	t.Cleanup(func() { server.Close(); serving.Wait() })

	program := exec.Command(build.Program, "exec", "--phantom", "--socket", socket, "--", "sh", "-c", `until [ -e "$0" ]; do sleep 0.05; done; echo "$ANAPLAN_TOKEN"`, renewed)
	program.Env = append(os.Environ(), "HOME="+dir)
	out, err := program.Output()
	if err != nil || string(out) != "aap_of-this-test\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if renewals.Load() < 2 || ends.Load() != 1 {
		t.Errorf("renewed %d times, ended %d times", renewals.Load(), ends.Load())
	}
}
