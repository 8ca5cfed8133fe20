//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// newAsker returns an asker whose PIN comes from source, and what it says.
func newAsker(t *testing.T, kind, arg string) (*pinAsker, *bytes.Buffer) {
	t.Helper()
	said := new(bytes.Buffer)
	_, patience, end := withPatience(t.Context(), time.Hour)
	t.Cleanup(end)
	return &pinAsker{
		source: config.PINSource{Kind: kind, Arg: arg}, refusals: refusals{dir: t.TempDir()},
		patience: patience, say: &messenger{out: said},
	}, said
}

var demo = hsm.PINRequest{Token: "demo", Serial: "1"}

// mustAsk asks for the PIN of the token demo, and gets it.
func mustAsk(t *testing.T, a *pinAsker) []byte {
	t.Helper()
	pin, err := a.forToken(t.Context(), demo)
	if err != nil {
		t.Fatal(err)
	}
	return pin
}

func TestRefusedPINIsNotSentTwiceInOneRun(t *testing.T) {
	for _, changed := range []bool{false, true} {
		t.Setenv("DEMO_PIN", "9999")
		a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
		a.changed = changed
		a.refusals.dir = "" // no home
		mustAsk(t, a)
		a.settle(&hsm.PINError{Token: "demo"})
		if _, err := a.forToken(t.Context(), demo); !errors.As(err, new(*refusedError)) {
			t.Errorf("changed %v: sent again, %v", changed, err)
		}
	}
}

// What befalls one token is not held against the PIN of another.
func TestSettleWithoutPIN(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
	mustAsk(t, a)
	a.settle(nil)
	a.settle(&hsm.PINError{Token: "other", Locked: true}) // seen before a PIN was asked for
	mustAsk(t, a)
}

// A device that fails tells nothing of the PIN, and a good login clears a refusal.
func TestSettle(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	a, _ := newAsker(t, config.PINEnv, "DEMO_PIN")
	mustAsk(t, a)
	a.settle(errors.New("the device was unplugged"))
	mustAsk(t, a)
	a.settle(&hsm.PINError{Token: "demo"})
	again := &pinAsker{source: a.source, refusals: refusals{dir: a.refusals.dir}, changed: true, patience: a.patience, say: a.say}
	mustAsk(t, again)
	again.settle(nil)
	third := &pinAsker{source: a.source, refusals: refusals{dir: a.refusals.dir}, patience: a.patience, say: a.say}
	mustAsk(t, third)
}

func TestSettleTellsWhatItCannotRemember(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	a, said := newAsker(t, config.PINEnv, "DEMO_PIN")
	a.refusals.dir = filepath.Join(writeFile(t, "a file"), "state")
	mustAsk(t, a)
	a.settle(&hsm.PINError{Token: "demo"})
	if !strings.Contains(said.String(), "warning: the next run cannot know whether this PIN was refused: ") {
		t.Errorf("said %q", said)
	}
}

// A PIN that is kept serves one token, until it is refused or dropped.
func TestKeep(t *testing.T) {
	file := writeFile(t, "1234\n")
	a, _ := newAsker(t, config.PINFile, file)
	a.keep = true
	first := mustAsk(t, a)
	clear(first) // as hsm does
	if err := os.WriteFile(file, []byte("5678\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := string(mustAsk(t, a)); got != "1234" {
		t.Errorf("got %q, want the PIN that was kept", got)
	}
	kept := a.kept
	a.settle(&hsm.PINError{Token: "demo"})
	if a.kept != nil || string(kept) != "\x00\x00\x00\x00" {
		t.Errorf("a refused PIN stays in memory: %q", kept)
	}
	if _, err := a.forToken(t.Context(), demo); !errors.As(err, new(*refusedError)) {
		t.Errorf("it is sent again: %v", err)
	}
	if pin, err := a.forToken(t.Context(), hsm.PINRequest{Token: "other"}); err != nil || string(pin) != "5678" {
		t.Errorf("another token: %q, %v", pin, err)
	}
}

// A PIN for signatures is not taken from the token's.
func TestKeepIsForTheToken(t *testing.T) {
	file := writeFile(t, "1234")
	a, _ := newAsker(t, config.PINFile, file)
	a.keep = true
	mustAsk(t, a)
	if err := os.WriteFile(file, []byte("5678"), 0o600); err != nil {
		t.Fatal(err)
	}
	request := demo
	request.Key = "login"
	if pin, err := a.forToken(t.Context(), request); err != nil || string(pin) != "5678" {
		t.Errorf("got %q, %v; want what its source says", pin, err)
	}
	if pin := mustAsk(t, a); string(pin) != "1234" {
		t.Errorf("the token's PIN has become %q", pin)
	}
}

func TestReadPIN(t *testing.T) {
	long := strings.Repeat("9", console.MaxSecret)
	if pin, err := console.ReadSecret(strings.NewReader(long), "x"); err != nil || string(pin) != long {
		t.Errorf("%d bytes: %v", console.MaxSecret, err)
	}
	if pin, err := console.ReadSecret(strings.NewReader(long+"9"), "x"); pin != nil || err == nil || strings.Contains(err.Error(), "9999") {
		t.Errorf("%d bytes: %v", console.MaxSecret+1, err)
	}
	broken := io.MultiReader(strings.NewReader("12"), iotestErr{})
	if pin, err := console.ReadSecret(broken, "x"); pin != nil || err == nil {
		t.Errorf("a broken pipe: %q, %v", pin, err)
	}
}

// iotestErr is a reader that fails.
type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errors.New("input/output error") }

// A pipe without a writer does not keep the command for ever.
func TestFilePINOfSilentPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	a, _ := newAsker(t, config.PINFile, pipe)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(timeoutError{time.Minute})
	if _, err := a.forToken(ctx, demo); !errors.As(err, new(timeoutError)) {
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
	if pin, err := a.forToken(t.Context(), request); err != nil || string(pin) != "1234" {
		t.Errorf("got %q, %v", pin, err)
	}
	request.Source = "1234"
	if _, err := a.forToken(t.Context(), request); !errors.Is(err, errSettings) || strings.Contains(err.Error(), "1234") {
		t.Errorf("a PIN in place of its source: %v", err)
	}
}
