//go:build cgo

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
	"github.com/anaplan-agent/anaplan-agent/agent/memorytest"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// eavesdropper is an Anaplan that keeps what logins were made of.
type eavesdropper struct {
	http.Handler
	mu     sync.Mutex
	bodies [][]byte
}

// ServeHTTP implements http.Handler.
func (e *eavesdropper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token/authenticate" {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		e.bodies = append(e.bodies, body)
		e.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	e.Handler.ServeHTTP(w, r)
}

// heard returns the bodies of all logins that came.
func (e *eavesdropper) heard() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.bodies)
}

// secrets returns pieces of all payloads and signatures that came, as bytes, as bytes in the
// reverse order, in which arithmetic has them, and as base64.
func (e *eavesdropper) secrets(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for i, body := range e.heard() {
		var login map[string]string
		if err := json.Unmarshal(body, &login); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"encodedData", "encodedSignedData"} {
			bare, err := base64.StdEncoding.DecodeString(login[name])
			if err != nil || len(bare) < 100 {
				t.Fatalf("%s: %d bytes, %v", name, len(bare), err)
			}
			bare = bare[8:] // the time of a payload is not a secret
			reverse := slices.Clone(bare)
			slices.Reverse(reverse)
			what := fmt.Sprintf("%s of login %d", name, i+1)
			addPieces(all, what+", bytes", bare)
			addPieces(all, what+", reversed bytes", reverse)
			addPieces(all, what+", base64", []byte(login[name])[12:])
		}
	}
	return all
}

// addPieces adds pieces of a text that are long enough to be nowhere by chance, and longer than a
// register (see memorytest.Stir).
func addPieces(all map[string][]byte, what string, text []byte) {
	for at := 0; at+pieceLength <= len(text); at += pieceStep {
		all[fmt.Sprintf("%s from %d", what, at)] = text[at : at+pieceLength]
	}
}

// How long a piece is, and how far it is from the beginning of one to that of the next, in bytes.
const pieceLength, pieceStep = 32, 16

// listenTLS serves with a certificate for those names, and returns the address.
func (e *eavesdropper) listenTLS(m *machine, config *tls.Config, names ...string) string {
	m.t.Helper()
	cert, err := m.server.CA.ServerCertificate(names...)
	if err != nil {
		m.t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{cert}
	return serveOn(m.t, &http.Server{Handler: e, ErrorLog: log.New(io.Discard, "", 0)}, config)
}

// reached has the machine's agent log in here: over TLS, if there is a configuration.
func (e *eavesdropper) reached(m *machine, config *tls.Config) {
	if config == nil {
		m.profile["auth_url"] = "http://" + serveOn(m.t, &http.Server{Handler: e}, nil)
		return
	}
	m.profile["auth_url"] = "https://" + e.listenTLS(m, config, "127.0.0.1")
}

// reachedByProxy is reached by a name that only a proxy knows.
func (e *eavesdropper) reachedByProxy(m *machine) {
	m.profile["auth_url"] = "https://anaplan.test"
	m.env["HTTPS_PROXY"] = "http://" + newProxy(m.t, e.listenTLS(m, &tls.Config{}, "anaplan.test"), 0)
}

// failing is reached, and logins go wrong at first.
func (e *eavesdropper) failing(m *machine, faults ...anaplantest.Fault) {
	e.reached(m, &tls.Config{})
	for _, fault := range faults {
		m.server.Fault("/token/authenticate", 1, fault)
	}
}

// run runs a command, which must end with that exit code, and returns what it prints.
func (m *machine) run(exit int, args ...string) string {
	m.t.Helper()
	var r result
	if r.run(m.t, m.environment(), args); r.code != exit {
		m.t.Fatalf("%q: exit code %d, want %d: %s", args, r.code, exit, r.stderr.String())
	}
	return r.stdout.String()
}

// serve starts the machine's agent, and returns its process.
func (m *machine) serve() *os.Process {
	m.t.Helper()
	process, _ := m.serveAs(nil)
	return process
}

// serveAs is serve for a user; nil: the tests'. It returns the agent's log, too.
func (m *machine) serveAs(user *syscall.Credential) (*os.Process, *logtest.Buffer) {
	m.t.Helper()
	m.writeConfig()
	var r result
	cmd := r.newCommand(m.t, m.environment(), []string{"serve"})
	said := new(logtest.Buffer)
	cmd.Stderr, cmd.SysProcAttr.Credential = said, user
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	m.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if cmd.ProcessState.ExitCode() != 0 {
			m.t.Errorf("the agent ended with %v: %s", cmd.ProcessState, said.String())
		}
	})
	m.until("the agent serves", func() bool { return strings.Contains(said.String(), "msg=serving") })
	return cmd.Process, said
}

// until waits for what comes by itself.
func (m *machine) until(what string, holds func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(enough); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("not yet: %s", what)
		}
	}
}

// TestLoginLeavesNothing has the agent log in, and looks in its memory for what it has sent.
func TestLoginLeavesNothing(t *testing.T) {
	clinic := newClinic(t)
	for name, way := range map[string]struct {
		logins, exit int // how many, and how they end
		reach        func(m *machine, e *eavesdropper)
	}{
		"TLS 1.2":              {1, 0, func(m *machine, e *eavesdropper) { e.reached(m, &tls.Config{MaxVersion: tls.VersionTLS12}) }},
		"TLS 1.3":              {1, 0, func(m *machine, e *eavesdropper) { e.reached(m, &tls.Config{MinVersion: tls.VersionTLS13}) }},
		"one connection":       {5, 0, func(m *machine, e *eavesdropper) { e.reached(m, &tls.Config{}) }},
		"no TLS":               {2, 0, func(m *machine, e *eavesdropper) { e.reached(m, nil) }},
		"a proxy":              {2, 0, func(m *machine, e *eavesdropper) { e.reachedByProxy(m) }},
		"a service that fails": {1, 0, func(m *machine, e *eavesdropper) { e.failing(m, anaplantest.CutAfter(), anaplantest.Unavailable()) }},
		"a refusal":            {1, 1, func(m *machine, e *eavesdropper) { e.failing(m, anaplantest.Blocked()) }},
	} {
		t.Run(name, func(t *testing.T) {
			for try := 1; ; try++ {
				m, ear := clinic.newMachine(t), &eavesdropper{Handler: clinic.server}
				way.reach(m, ear)
				process := m.serve()
				for range way.logins {
					m.run(way.exit, "login")
				}
				left := ear.leftIn(m, process)
				if len(left) == 0 {
					return
				}
				if try == 3 || !heldByRegisters(left) {
					t.Fatalf("in memory: %q", left)
				}
			}
		})
	}
}

// leftIn returns what an agent's memory goes on to have of the logins that were heard. The last copy is
// overwritten beside the reading of the answer.
func (e *eavesdropper) leftIn(m *machine, process *os.Process) (left []string) {
	m.t.Helper()
	secrets := e.secrets(m.t)
	if len(secrets) == 0 {
		m.t.Fatal("nothing was sent")
	}
	const control = "the home"
	secrets[control] = []byte(m.home) // which stays
	for began := time.Now(); ; {
		memorytest.Stir(m.t, process.Pid)
		left = slices.Sorted(maps.Keys(memorytest.Of(m.t, process.Pid).Find(secrets)))
		at, seen := slices.BinarySearch(left, control)
		if seen {
			left = slices.Delete(left, at, at+1)
		}
		took := time.Since(began)
		if seen && (len(left) == 0 || heldByRegisters(left) && took > 5*time.Second) || took > enough {
			return left
		}
	}
}

// heldByRegisters reports whether pieces (see addPieces) are what vector registers can have held. The
// runtime keeps those of a goroutine that it has interrupted, in memory of its own (runtime.xRegs), until
// it interrupts another one, and four of 32 bytes have passed each copy. Whether they hold a secret then
// is chance.
func heldByRegisters(found []string) bool {
	const most = 4 * 32
	bytes := map[string]int{}
	for _, name := range found {
		what, _, isPiece := strings.Cut(name, " from ")
		if bytes[what] = max(bytes[what]+pieceStep, pieceLength); !isPiece || bytes[what] > most {
			return false
		}
	}
	return true
}

// TestTokenIsLocked looks for tokens in the agent's locked memory, while it has them and
// afterwards.
func TestTokenIsLocked(t *testing.T) {
	if err := locked.Check(); err != nil {
		hsmtest.Missing(t, "memlock", "the right to lock memory")
	}
	m := newClinic(t).newMachine(t)
	process := m.serve()
	first := map[string][]byte{"the token": m.token()}
	if found := memorytest.Of(t, process.Pid).FindLocked(first); !found["the token"] {
		t.Error("the token is not in locked memory")
	}
	if size := lockedSize(t, process); size == "0 kB" {
		t.Errorf("VmLck is %s", size)
	}
	m.run(0, "login")
	second := map[string][]byte{"the token": m.token()}
	if found := memorytest.Of(t, process.Pid).FindLocked(second); !found["the token"] {
		t.Error("the second token is not in locked memory")
	}
	isGone := func(token map[string][]byte) bool {
		return !memorytest.Of(t, process.Pid).FindLocked(token)["the token"]
	}
	m.until("the first token is gone", func() bool { return isGone(first) })
	m.run(0, "logout")
	m.until("the second token is gone", func() bool { return isGone(second) })
}

// TestPINIsLocked looks for a PIN that somebody has typed: it is in the agent's locked memory
// until it is forgotten, and then nowhere.
func TestPINIsLocked(t *testing.T) {
	if err := locked.Check(); err != nil {
		hsmtest.Missing(t, "memlock", "the right to lock memory")
	}
	m := newClinic(t).newMachine(t)
	delete(m.profile, "pin")
	process := m.serve()
	var person typist
	person.run(t, m.environment(), []string{"unlock"}, "PIN for token", m.well.PIN+"\n")
	if person.code != 0 {
		t.Fatalf("exit code %d: %s", person.code, person.stderr.String())
	}
	pin := map[string][]byte{"the PIN": []byte(m.well.PIN)}
	if found := memorytest.Of(t, process.Pid).FindLocked(pin); !found["the PIN"] {
		t.Error("the PIN is not in locked memory")
	}
	m.run(0, "lock")
	m.until("the PIN is gone", func() bool { return !memorytest.Of(t, process.Pid).Find(pin)["the PIN"] })
}

// token returns the token that the machine's agent has.
func (m *machine) token() []byte {
	m.t.Helper()
	return []byte(strings.TrimSpace(m.run(0, "token")))
}

// lockedSize returns how much of its memory a process has locked (proc_pid_status(5)).
func lockedSize(t *testing.T, process *os.Process) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmLck:")
	size, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(size)
}

func TestHeldByRegisters(t *testing.T) {
	pieces := func(length int) []string {
		all := map[string][]byte{}
		addPieces(all, "a secret", make([]byte, length))
		return slices.Sorted(maps.Keys(all))
	}
	for _, c := range []struct {
		found []string
		want  bool
	}{
		{nil, true}, {pieces(32), true}, {pieces(128), true}, {pieces(144), false}, {pieces(344), false},
		{[]string{"token 1"}, false}, {append(pieces(32), "token 1"), false},
	} {
		if got := heldByRegisters(c.found); got != c.want {
			t.Errorf("%q: %v", c.found, got)
		}
	}
}
