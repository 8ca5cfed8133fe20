package pin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// errLate is the end of a command's time.
var errLate = errors.New("not done within 1m0s")

// errDevice is an answer that says nothing of the PIN.
var errDevice = errors.New("the token or its slot has a fault (CKR_DEVICE_ERROR)")

// said takes what is said.
type said struct{ bytes.Buffer }

func (s *said) Note(format string, args ...any) { fmt.Fprintf(s, "note: "+format+"\n", args...) }
func (s *said) Warn(format string, args ...any) { fmt.Fprintf(s, "warning: "+format+"\n", args...) }

// rig is a user's machine, on which one process comes after the other.
type rig struct {
	t          *testing.T
	state, key string // directories
	source     config.PINSource
	said       *said
}

func newRig(t *testing.T, kind, arg string) *rig {
	t.Helper()
	return &rig{t, t.TempDir(), t.TempDir(), config.PINSource{Kind: kind, Arg: arg}, new(said)}
}

// process returns the asker of a new process.
func (r *rig) process() *Asker {
	return &Asker{
		Source: r.source, Book: NewBook(r.state, nil, []string{r.key}),
		Pause: func() func() { return func() {} }, Say: r.said,
	}
}

// demo is what asks for a PIN, unless a test is about that.
var demo = hardware.PINRequest{Device: "demo", Serial: "1", Counter: hardware.FlagCounter(hardware.PINFresh)}

// ask asks for the PIN of the token demo.
func (a *Asker) askDemo(t *testing.T) (hardware.PIN, error) {
	t.Helper()
	return a.ForToken(named)(t.Context(), demo)
}

// named is an address that names its token.
var named = uri.URI{}.With("token", "demo")

// send asks for the PIN of the token demo and sends it to one that gives an answer. It
// returns the PIN that was sent, "" for none, and what is told of it.
func (a *Asker) send(t *testing.T, answer error) (sent string, err error) {
	t.Helper()
	pin, err := a.askDemo(t)
	if err != nil {
		return "", err
	}
	err = pin.Guard(hardware.DevicePIN, func() error {
		sent = string(pin.Value)
		return answer
	})
	clear(pin.Value)
	return sent, err
}

// wantSent sends the PIN, and fails the test if another one, or none, is sent.
func (a *Asker) wantSent(t *testing.T, answer error, want string) {
	t.Helper()
	sent, err := a.send(t, answer)
	if sent != want || answer == nil && err != nil {
		t.Errorf("sent %q, %v; want %q", sent, err, want)
	}
}

// wantHeld fails the test if the PIN is sent.
func (a *Asker) wantHeld(t *testing.T) *RefusedError {
	t.Helper()
	sent, err := a.send(t, nil)
	refused, ok := errors.AsType[*RefusedError](err)
	if sent != "" || !ok {
		t.Errorf("sent %q, %v; want none", sent, err)
		return &RefusedError{}
	}
	return refused
}

// write writes a file, with a time that tells nothing.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeFile writes a file and returns its path.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, text)
	return path
}
