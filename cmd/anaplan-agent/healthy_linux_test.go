//go:build cgo

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

// hangingSocket returns a socket at which everybody may connect, and nobody answers.
func hangingSocket(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return path
}

// TestProbe: what is wrong with an agent for the watchdog, and what is not.
func TestProbe(t *testing.T) {
	busy := filepath.Join(t.TempDir(), "busy.sock")
	listener, err := net.Listen("unix", busy)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/healthz" {
			t.Errorf("asked %s %s", r.Method, r.URL)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	dead := filepath.Join(t.TempDir(), "dead.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	for name, test := range map[string]struct {
		socket string
		want   bool
	}{
		"too busy":         {busy, true},
		"socket removed":   {filepath.Join(t.TempDir(), "none"), true},
		"nobody listens":   {dead, false},
		"socket of no use": {filepath.Join(dead, "x"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProbe(t, name, test.socket, test.want)
		})
	}
}

// wantProbe checks what the probe says, and that it says it in time: systemd is told at half of
// its own time.
func wantProbe(t *testing.T, when, socket string, want bool) {
	t.Helper()
	said := make(chan bool, 1)
	go func() { said <- daemon.IsHealthy(socket, "") }()
	select {
	case got := <-said:
		if got != want {
			t.Errorf("%s: healthy is %v, want %v", when, got, want)
		}
	case <-time.After(enough):
		t.Fatalf("%s: the probe hangs", when)
	}
}

// TestProbeOfAgent has the probe ask a real agent, one that hangs, and one that goes on.
func TestProbeOfAgent(t *testing.T) {
	m := newClinic(t).newMachine(t)
	process := m.serve()
	socket := filepath.Join(m.home, "run", build.Program, paths.SocketName)
	wantProbe(t, "it serves", socket, true)
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.until("all of it has stopped", func() bool { return hasStopped(process.Pid) })
	wantProbe(t, "it hangs", socket, false)
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	wantProbe(t, "it goes on", socket, true)
}

// hasStopped reports whether all threads of a process have heard of SIGSTOP (proc_pid_stat(5)).
func hasStopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		if _, state, _ := strings.Cut(string(text), ") "); !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return len(threads) > 0
}

// TestWatchdogOfAgent: a real agent tells systemd that it lives for as long as its own socket
// answers, and no longer.
func TestWatchdogOfAgent(t *testing.T) {
	systemd := roomtest.ListenAsSystemd(t)
	m := newClinic(t).newMachine(t)
	m.env["NOTIFY_SOCKET"] = os.Getenv("NOTIFY_SOCKET")
	m.env["WATCHDOG_USEC"] = fmt.Sprint(time.Second.Microseconds())
	m.serve()
	for lives := 0; lives < 3; {
		if systemd.Next(t) == "WATCHDOG=1" {
			lives++
		}
	}
	socket := filepath.Join(m.home, "run", build.Program, paths.SocketName)
	if err := os.Rename(hangingSocket(t), socket); err != nil {
		t.Fatal(err)
	}
	quiet := 3 * time.Second // six signs of life
	for deadline := time.Now().Add(enough); ; {
		if time.Now().After(deadline) {
			t.Fatal("it lives on, while nobody is answered")
		}
		if systemd.IsQuietFor(quiet) {
			break
		}
	}
}
