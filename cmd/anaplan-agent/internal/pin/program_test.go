//go:build unix

package pin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestCommandPIN(t *testing.T) {
	for line, want := range map[string]string{
		"echo 1234":           "1234\n",
		`printf '%s' "12 34"`: "12 34",
		"sh -c 'sleep 3 2>/dev/null & echo 1234'": "1234\n", // left behind, as gpg-agent is
		"sh -c 'echo 12; echo told >&2'":          "12\n",
	} {
		if pin, err := commandPIN(t.Context(), line); err != nil || string(pin) != want {
			t.Errorf("%s: got %q, %v; want %q", line, pin, err, want)
		}
	}
}

func TestCommandPINFails(t *testing.T) {
	for line, want := range map[string]string{
		"yes":                             "yes gave more than 1024 bytes",
		"sh -c 'echo 4242; exit 7'":       "sh: exit status 7",
		"sh -c 'echo 4242; kill -9 $$'":   "sh: signal: killed",
		"/nowhere/program":                "no such file",
		"sh -c 'cat /dev/zero; echo 424'": "more than 1024 bytes",
	} {
		pin, err := commandPIN(t.Context(), line)
		if pin != nil || !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "4242") {
			t.Errorf("%s: got %q, %v; want %q", line, pin, err, want)
		}
	}
}

// A program that never answers is ended with the command's time, and named.
func TestCommandPINTimeout(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		os.ReadFile(started)
		cancel(errLate)
	}()
	if _, err := commandPIN(ctx, "sh -c 'echo 12 > "+started+"; exec sleep 3600'"); err == nil || !strings.Contains(err.Error(), "not done within 1m0s") {
		t.Error(err)
	}
}
