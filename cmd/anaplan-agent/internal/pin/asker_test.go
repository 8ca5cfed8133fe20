//go:build unix

package pin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// errLate is the end of a command's time.
var errLate = errors.New("not done within 1m0s")

// said takes what is said.
type said struct{ bytes.Buffer }

func (s *said) Note(format string, args ...any) { fmt.Fprintf(s, "note: "+format+"\n", args...) }
func (s *said) Warn(format string, args ...any) { fmt.Fprintf(s, "warning: "+format+"\n", args...) }

// newAsker returns an asker whose PIN comes from source, and what it says.
func newAsker(t *testing.T, kind, arg string) (*Asker, *said) {
	t.Helper()
	said := new(said)
	return &Asker{
		Source: config.PINSource{Kind: kind, Arg: arg}, Memory: Refusals{Dir: t.TempDir()},
		Pause: func() func() { return func() {} }, Say: said,
	}, said
}

var demo = hsm.PINRequest{Token: "demo", Serial: "1"}

// mustAsk asks for the PIN of the token demo, and gets it.
func mustAsk(t *testing.T, a *Asker) []byte {
	t.Helper()
	pin, err := a.ForToken(t.Context(), demo)
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

func TestRefusedPINIsNotSentTwiceInOneRun(t *testing.T) {
	for _, changed := range []bool{false, true} {
		t.Setenv("DEMO_PIN", "9999")
		a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
		a.Changed = changed
		a.Memory.Dir = "" // no home
		mustAsk(t, a)
		a.Settle(&hsm.PINError{Token: "demo"})
		if _, err := a.ForToken(t.Context(), demo); !errors.As(err, new(*RefusedError)) {
			t.Errorf("changed %v: sent again, %v", changed, err)
		}
	}
}

// What befalls one token is not held against the PIN of another.
func TestSettleWithoutPIN(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
	mustAsk(t, a)
	a.Settle(nil)
	a.Settle(&hsm.PINError{Token: "other", Locked: true}) // seen before a PIN was asked for
	mustAsk(t, a)
}

// A device that fails tells nothing of the PIN, and a good login clears a refusal.
func TestSettle(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
	mustAsk(t, a)
	a.Settle(errors.New("the device was unplugged"))
	mustAsk(t, a)
	a.Settle(&hsm.PINError{Token: "demo"})
	again := &Asker{Source: a.Source, Memory: Refusals{Dir: a.Memory.Dir}, Changed: true, Pause: a.Pause, Say: a.Say}
	mustAsk(t, again)
	again.Settle(nil)
	third := &Asker{Source: a.Source, Memory: Refusals{Dir: a.Memory.Dir}, Pause: a.Pause, Say: a.Say}
	mustAsk(t, third)
}

func TestSettleTellsWhatItCannotRemember(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	a, said := newAsker(t, config.PINEnv, "DEMO_PIN")
	a.Memory.Dir = filepath.Join(writeFile(t, "a file"), "state")
	mustAsk(t, a)
	a.Settle(&hsm.PINError{Token: "demo"})
	if !strings.Contains(said.String(), "warning: the next run cannot know whether this PIN was refused: ") {
		t.Errorf("said %q", said)
	}
}

// A PIN that is kept serves one token, until it is refused or dropped.
func TestKeep(t *testing.T) {
	file := writeFile(t, "1234\n")
	a, _ := newAsker(t, config.PINFile, file)
	a.Keep = true
	first := mustAsk(t, a)
	clear(first) // as hsm does
	if err := os.WriteFile(file, []byte("5678\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := string(mustAsk(t, a)); got != "1234" {
		t.Errorf("got %q, want the PIN that was kept", got)
	}
	kept := a.kept
	a.Settle(&hsm.PINError{Token: "demo"})
	if a.kept != nil || string(kept) != "\x00\x00\x00\x00" {
		t.Errorf("a refused PIN stays in memory: %q", kept)
	}
	if _, err := a.ForToken(t.Context(), demo); !errors.As(err, new(*RefusedError)) {
		t.Errorf("it is sent again: %v", err)
	}
	if pin, err := a.ForToken(t.Context(), hsm.PINRequest{Token: "other"}); err != nil || string(pin) != "5678" {
		t.Errorf("another token: %q, %v", pin, err)
	}
}

// A PIN for signatures is not taken from the token's.
func TestKeepIsForTheToken(t *testing.T) {
	file := writeFile(t, "1234")
	a, _ := newAsker(t, config.PINFile, file)
	a.Keep = true
	mustAsk(t, a)
	if err := os.WriteFile(file, []byte("5678"), 0o600); err != nil {
		t.Fatal(err)
	}
	request := demo
	request.Key = "login"
	if pin, err := a.ForToken(t.Context(), request); err != nil || string(pin) != "5678" {
		t.Errorf("got %q, %v; want what its source says", pin, err)
	}
	if pin := mustAsk(t, a); string(pin) != "1234" {
		t.Errorf("the token's PIN has become %q", pin)
	}
}

// A pipe without a writer does not keep the command for ever.
func TestFilePINOfSilentPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	a, _ := newAsker(t, config.PINFile, pipe)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errLate)
	if _, err := a.ForToken(ctx, demo); !errors.Is(err, errLate) {
		t.Error(err)
	}
	if writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		writer.Close() // lets the reader end
	}
}

func TestPINSourceOfAddress(t *testing.T) {
	file := writeFile(t, "1234")
	a, _ := newAsker(t, "", "")
	request := demo
	request.Source = "file:" + file
	if pin, err := a.ForToken(t.Context(), request); err != nil || string(pin) != "1234" {
		t.Errorf("got %q, %v", pin, err)
	}
	request.Source = "1234"
	if _, err := a.ForToken(t.Context(), request); !errors.Is(err, ErrSetting) || strings.Contains(err.Error(), "1234") {
		t.Errorf("a PIN in place of its source: %v", err)
	}
}
