//go:build unix

package device

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// heard is what a person hears; it may be said by any goroutine.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(text []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(text)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// newToucher returns a toucher with a command, and what it says.
func newToucher(command ...string) (*toucher, *heard) {
	said := &heard{}
	return &toucher{command: command, say: &console.Messenger{Out: said}}, said
}

// awaitFile waits until a program has written a file, and returns what is in it.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(text), "\n") {
			return string(text)
		}
	}
	t.Fatalf("%s is not written", path)
	return ""
}

func TestTouchWords(t *testing.T) {
	for _, test := range []struct {
		name   string
		notice piv.Notice
		want   string
	}{
		{"YubiKey 7", piv.TouchWanted, "anaplan-agent: touch YubiKey 7 now\n"},
		{"CanoKey 7", piv.TouchWanted, "anaplan-agent: touch CanoKey 7 now\n"},
		{"PIV card", piv.TouchWanted, "anaplan-agent: touch the PIV card now\n"},
		{"YubiKey", piv.TouchWanted, "anaplan-agent: touch the YubiKey now\n"},
		{"", piv.TouchWanted, "anaplan-agent: touch the YubiKey now\n"},
		{"YubiKey 7", piv.TouchMaybe, "anaplan-agent: if YubiKey 7 is blinking, touch it\n"},
		{"YubiKey 7", piv.TouchOver, ""},
		{"YubiKey 7", piv.CardBusy, "anaplan-agent: note: waiting for another program to let go of the card\n"},
	} {
		touch, said := newToucher()
		touch.found(test.name)
		touch.tell(test.notice)
		if said.String() != test.want {
			t.Errorf("got %q, want %q", said, test.want)
		}
	}
}

// What a command sends twice is told once.
func TestFactorySecretsOnce(t *testing.T) {
	touch, said := newToucher()
	touch.found("YubiKey 7")
	for range 2 {
		touch.tell(piv.FactoryPIN)
		touch.tell(piv.FactoryManagementKey)
	}
	if got := said.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "YubiKey 7 still has the PIN") || !strings.Contains(got, "change-management-key") {
		t.Errorf("got %q", got)
	}
}

// What is said of the factory's secrets is said of the card's own kind.
func TestFactorySecretsOfOthers(t *testing.T) {
	touch, said := newToucher()
	touch.found("CanoKey 7")
	touch.tell(piv.FactoryPIN)
	touch.tell(piv.FactoryManagementKey)
	if got := said.String(); strings.Count(got, "CanoKey 7 still has") != 2 || strings.Contains(got, "YubiKey") {
		t.Errorf("got %q", got)
	}
}

// The program gets the sentence as its last argument, and is ended with the touch.
func TestTouchCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "said")
	touch, said := newToucher("sh", "-c", `printf '%s\n' "$0 $1" >`+file+`; exec sleep 3600`, "first")
	touch.found("YubiKey 7")
	touch.tell(piv.TouchWanted)
	if got := awaitFile(t, file); got != "first touch YubiKey 7 now\n" {
		t.Errorf("it got %q", got)
	}
	touch.tell(piv.TouchOver)
	touch.End()
	touch.End() // a second time is nothing
	if got := said.String(); got != "anaplan-agent: touch YubiKey 7 now\n" {
		t.Errorf("said %q", got)
	}
}

// A run that ends while the card waits ends the program too.
func TestTouchCommandEndsWithTheRun(t *testing.T) {
	touch, _ := newToucher("sh", "-c", "exec sleep 3600")
	touch.tell(piv.TouchMaybe)
	hook := touch.hooks[0]
	touch.End()
	select {
	case <-hook.Ended:
	default:
		t.Error("the program runs on")
	}
}

// A failure of the program is one warning, and none of the command's.
func TestTouchCommandFails(t *testing.T) {
	for want, command := range map[string][]string{
		"warning: the touch command failed: sh: exit status 7\n":                  {"sh", "-c", "exit 7"},
		"warning: the touch command failed: /nowhere/notify: it does not start: ": {"/nowhere/notify"},
	} {
		touch, said := newToucher(command...)
		for range 2 {
			touch.tell(piv.TouchWanted)
			for _, hook := range touch.hooks {
				<-hook.Ended
			}
			touch.tell(piv.TouchOver)
		}
		touch.End()
		if got := said.String(); !strings.Contains(got, want) || strings.Count(got, "warning") != 1 {
			t.Errorf("said %q, want once %q", got, want)
		}
	}
}
