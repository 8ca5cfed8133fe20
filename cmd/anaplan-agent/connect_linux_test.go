//go:build linux && cgo

package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// entrance is Anaplan's login behind TLS, and what is seen of its connections.
type entrance struct {
	url, caFile string
	opened      chan bool // for each connection whose handshake begins: whether the PIN was there
	closed      chan net.Conn
	pinGiven    atomic.Bool
	*anaplantest.Service
}

func newEntrance(t *testing.T) *entrance {
	ca, err := anaplantest.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	e := &entrance{
		caFile: filepath.Join(t.TempDir(), "ca.pem"), opened: make(chan bool, 9), closed: make(chan net.Conn, 9),
		Service: anaplantest.New(nil),
	}
	if err := os.WriteFile(e.caFile, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(e.Service)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			e.closed <- conn
		}
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		e.opened <- e.pinGiven.Load()
		return nil, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// args returns the arguments of a command that logs in there with the key that sign signs with.
func (e *entrance) args(command string, sign []string, more ...string) []string {
	args := slices.Concat([]string{command}, sign[1:], []string{"--auth-url", e.url, "--ca-file", e.caFile}, more)
	if command != "whoami" { // which asks no agent
		args = append(args, "--socket", "none")
	}
	return args
}

// soon returns what comes, if it does.
func soon[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(enough):
		t.Fatal("nothing comes")
	}
	return value
}

// A login takes the connection that was made for it.
func TestConnectsOnce(t *testing.T) {
	_, sign, env := behindShim(t)
	for _, command := range []string{"token", "whoami"} {
		e := newEntrance(t)
		var r result
		r.run(t, env, e.args(command, sign, "--pin", "env:PIN"))
		if soon(t, e.opened); len(e.opened) > 0 || e.Counts().Requests["POST /token/authenticate"] != 1 {
			t.Errorf("%s: %d connections more; %+v; %s", command, len(e.opened), e.Counts(), r.stderr.String())
		}
	}
}

// The handshake begins while the module signs. If there is no signature then nothing is sent,
// and the connection is closed.
func TestConnectsWhileTheModuleSigns(t *testing.T) {
	for _, command := range [][]string{{"token"}, {"whoami"}, {"exec", "true"}} {
		t.Run(command[0], func(t *testing.T) {
			shim, sign, env := behindShim(t, "C_Sign=hang")
			e := newEntrance(t)
			var r result
			cmd := r.newCommand(t, env, append(e.args(command[0], sign, "--pin", "env:PIN"), command[1:]...))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer bound(cmd)()
			hung := shim.Hung(t)
			soon(t, e.opened)
			soon(t, hung.Done())
			shim.Release(t)
			cmd.Wait()
			soon(t, e.closed)
			if got := e.Counts().Requests; len(got) != 0 || len(e.opened) != 0 {
				t.Errorf("requests %v, %d connections more", got, len(e.opened))
			}
		})
	}
}

// Nothing is connected to while a person, or a program, is asked for the PIN.
func TestSlowPINHoldsNoConnection(t *testing.T) {
	shim, sign, env := behindShim(t)
	for _, source := range []string{"file:", "command:cat "} {
		e := newEntrance(t)
		pipe := filepath.Join(t.TempDir(), "pin")
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
		var r result
		cmd := r.newCommand(t, env, e.args("token", sign, "--pin", source+pipe))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		end := bound(cmd)
		file, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits until the PIN is wanted
		if err != nil {
			t.Fatal(err)
		}
		e.pinGiven.Store(true)
		file.WriteString(shim.PIN)
		file.Close()
		if !soon(t, e.opened) {
			t.Errorf("%s: connected before the PIN was there", source)
		}
		cmd.Wait()
		end()
	}
}
