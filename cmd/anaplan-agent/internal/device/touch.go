package device

// What a person is told while a card works: that it waits for a touch (on the terminal, and by a
// program for those who do not look at it), that another program has the card, that it still has
// the factory's secrets.

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// toucher tells what package piv has to tell. Its methods may be called from any
// goroutine: piv tells from the one at the card.
type toucher struct {
	command []string // what to start while the card waits, and with what; nil: nothing
	say     *console.Messenger
	fails   sync.Once // the first failure of the command is told

	mu    sync.Mutex
	name  string              // of the card; "": not known yet
	hooks []*Hook             // that were started; only the last may run
	told  map[piv.Notice]bool // what is worth saying once a run
}

// found is piv.Options.Found.
func (t *toucher) found(card string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.name = card
}

// card names the card. It is called with mu held.
func (t *toucher) card() string {
	if strings.ContainsAny(t.name, "0123456789") {
		return t.name
	}
	return "the " + cmp.Or(t.name, yubiKey)
}

// yubiKey is what YubiKeys are called, with a number behind it where they tell it.
const yubiKey = "YubiKey"

// kind says which cards are sold with the same secrets as this one. It is called with mu held.
func (t *toucher) kind() string {
	if strings.HasPrefix(t.name, yubiKey) {
		return "every YubiKey"
	}
	return "every card of its kind"
}

// tell is piv.Options.Tell. It does not wait for the program that it starts: the card
// is at work meanwhile.
func (t *toucher) tell(notice piv.Notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch notice {
	case piv.TouchWanted:
		t.want(fmt.Sprintf("touch %s now", t.card()))
	case piv.TouchMaybe:
		t.want(fmt.Sprintf("if %s is blinking, touch it", t.card()))
	case piv.TouchOver:
		t.endHook()
		t.say.Touched()
	case piv.CardBusy:
		t.say.Note("waiting for another program to let go of the card")
	default:
		t.once(notice)
	}
}

// want asks for a touch, in a line and by the program. The sentence is an argument of
// its own and goes through no shell.
func (t *toucher) want(sentence string) {
	t.say.Now(sentence)
	t.endHook()
	if len(t.command) == 0 {
		return
	}
	hook, err := StartHook(slices.Concat(t.command, []string{sentence}), t.failed)
	if err != nil {
		t.failed(fmt.Errorf("it does not start: %w", err))
		return
	}
	t.hooks = append(t.hooks, hook)
}

// failed warns of the program once a run. It is no more than a warning: the card's light
// says the same as the program.
func (t *toucher) failed(err error) {
	t.fails.Do(func() { t.say.Warn("the touch command failed: %s: %v", t.command[0], err) })
}

// once warns of the factory's secrets, which are public. A command that sends them twice warns only
// once.
func (t *toucher) once(notice piv.Notice) {
	if t.told[notice] {
		return
	}
	if t.told == nil {
		t.told = map[piv.Notice]bool{}
	}
	t.told[notice] = true
	switch notice {
	case piv.FactoryPIN:
		t.say.Warn("%s still has the PIN that %s is sold with: change it and the PUK: ykman piv access change-pin, then change-puk (or yubico-piv-tool -a change-pin, then -a change-puk)", t.card(), t.kind())
	case piv.FactoryManagementKey:
		t.say.Warn("%s still has the management key that %s is sold with, by which anybody who holds it can replace its keys: ykman piv access change-management-key --generate --protect (or yubico-piv-tool -a set-mgm-key)", t.card(), t.kind())
	}
}

// End ends the programs and waits for them, so that what there is to say of them is
// said before the program's last words.
func (t *toucher) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endHook()
	for _, hook := range t.hooks {
		select {
		case <-hook.Ended:
		case <-time.After(subprocess.OutputDelay): // it is stuck in the kernel, or its warning is
		}
	}
	t.hooks = nil
}

// endHook ends the program that speaks of the touch, if it still does.
func (t *toucher) endHook() {
	if len(t.hooks) > 0 {
		t.hooks[len(t.hooks)-1].Kill()
	}
}

// Hook is a touch command that was started.
type Hook struct {
	command *exec.Cmd
	Ended   chan struct{} // closed when the program has ended and been looked at
	killed  atomic.Bool
}

// StartHook starts a program; failed is told if it ends badly.
func StartHook(words []string, failed func(error)) (*Hook, error) {
	h := &Hook{command: exec.Command(words[0], words[1:]...), Ended: make(chan struct{})}
	// Its standard input and output are the null device: what is there is the command's
	// own result, or a pipe that somebody waits to see closed.
	h.command.Stderr = os.Stderr
	if err := subprocess.Check(h.command); err != nil {
		return nil, err
	}
	if err := subprocess.StartSealed(h.command); err != nil {
		return nil, err
	}
	go func() {
		defer close(h.Ended)
		if err := h.command.Wait(); err != nil && !h.wasKilled() {
			failed(err)
		}
	}()
	return h, nil
}

// Kill ends the program, and does not wait for that: the card has answered, and
// somebody wants the signature.
func (h *Hook) Kill() {
	h.killed.Store(true)
	h.command.Process.Kill() // fails if it has ended already
}

// wasKilled reports whether the program ended by kill, and not in a failure of its own
// just before. Windows does not tell the two apart.
func (h *Hook) wasKilled() bool {
	return h.killed.Load() && (h.command.ProcessState.ExitCode() == -1 || runtime.GOOS == "windows")
}
