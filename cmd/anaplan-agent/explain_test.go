package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// Each row is given for its error, and not hidden by one above it.
func TestAdvices(t *testing.T) {
	for _, a := range advices {
		if a.hintsFor != nil {
			a.hints = a.hintsFor(runtime.GOOS)
		}
		got := explain(fmt.Errorf("signing: %w", a.is))
		if got.code != a.code || !slices.Equal(got.hints[:len(a.hints)], a.hints) {
			t.Errorf("%v: exit code %d and hints %q, want %d and %q", a.is, got.code, got.hints, a.code, a.hints)
		}
		if got.text != "signing: "+a.is.Error() {
			t.Errorf("%v became %q", a.is, got.text)
		}
	}
}

func TestExplain(t *testing.T) {
	skew := &anaplan.ClockSkewError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential}}
	stale := &anaplan.StalePayloadError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential}}
	tests := []struct {
		name string
		err  error
		code int
		hint string
	}{
		{"wrong call", &usageError{errors.New("unknown flag"), "anaplan-agent token"}, exitUsage, "anaplan-agent token --help"},
		{"refused PIN", &hsm.PINError{}, exitHuman, "the PIN was sent once"},
		{"locked PIN", &hsm.PINError{Locked: true}, exitHuman, "security officer"},
		{"PIN refused by a card", &piv.PINError{Tries: 2}, exitHuman, "the PIN was sent once"},
		{"PIN blocked on a card", &piv.PINError{Blocked: true}, exitHuman, "ykman piv access unblock-pin"},
		{"PIN and PUK blocked", &piv.PINError{Blocked: true, PUKBlocked: true}, exitHuman, "ykman piv reset"},
		{"several cards", &piv.AmbiguousError{What: "cards"}, exitUsage, "copy one of these"},
		{"no PIN for a card", fmt.Errorf("%w: %w", pin.ErrNeeded, console.ErrNoTerminal), exitHuman, "or say where the PIN is"},
		{"touch in vain, since time was up", fmt.Errorf("%w: %w", piv.ErrNotTouched, timeoutError{}), exitHuman, "when it blinks"},
		{"PIN refused before", &pin.RefusedError{}, exitHuman, "--pin-changed"},
		{"ambiguous", &hsm.AmbiguousError{What: "keys"}, exitUsage, "copy one of these"},
		{"clock, which is a bad credential too", skew, exitHuman, "set this machine's clock"},
		{"old payload, which is a bad credential too", stale, exitFailed, "sign --key ADDRESS"},
		{"no way to ask for a PIN", fmt.Errorf("%w: %w", hsm.ErrPINNeeded, console.ErrNoTerminal), exitHuman, "or say where the PIN is"},
		{"module, with those of this machine", hsm.ErrModule, exitFailed, "?module-path="},
		{"anything else", errors.New("disk full"), exitFailed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := explain(fmt.Errorf("token %q: %w", "demo", test.err))
			if got.code != test.code || !strings.Contains(strings.Join(got.hints, "\n"), test.hint) {
				t.Errorf("exit code %d and hints %q, want %d and %q", got.code, got.hints, test.code, test.hint)
			}
		})
	}
}

func TestMessenger(t *testing.T) {
	var out strings.Builder
	say := &messenger{out: &out}
	say.Note("made %s", "a key")
	say.Warn("100%%")
	say.failure(explanation{text: "it failed: 50%", hints: []string{"do this", "or that"}})
	want := `anaplan-agent: note: made a key
anaplan-agent: warning: 100%
anaplan-agent: error: it failed: 50%
anaplan-agent: hint: do this
anaplan-agent: hint: or that
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// Each system has its own way to start its smartcard service.
func TestServiceHints(t *testing.T) {
	for system, want := range map[string]string{"linux": "systemctl start pcscd.socket", "windows": "sc start SCardSvr", "darwin": "macOS"} {
		if got := strings.Join(serviceHints(system), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q", system, got)
		}
	}
	if got := busyHints("windows"); strings.Contains(strings.Join(got, ""), "lsof") {
		t.Errorf("got %q", got)
	}
}
