//go:build unix

package pin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

var wrong = &hardware.PINError{Text: "the PIN is wrong"}

// A refused PIN is sent once: by this process, by the next, after the file was written anew
// with the same in it, and after another PIN was there meanwhile.
func TestRefused(t *testing.T) {
	file := writeFile(t, "9999\n")
	r := newRig(t, config.PINFile, file)
	a := r.process()
	a.wantSent(t, wrong, "9999")
	a.wantHeld(t)
	r.process().wantHeld(t)
	write(t, file, "9999\n")
	if err := os.Chtimes(file, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if refused := r.process().wantHeld(t); refused.Unclear || !strings.Contains(refused.Error(), `it refused the PIN from file:`) {
		t.Errorf("got %v", refused)
	}
	write(t, file, "8888\n")
	r.process().wantSent(t, wrong, "8888")
	r.process().wantHeld(t)
	write(t, file, "1234\n")
	r.process().wantSent(t, nil, "1234")
	r.process().wantSent(t, nil, "1234")
	for _, old := range []string{"9999\n", "8888\n"} {
		write(t, file, old)
		r.process().wantHeld(t)
	}
	changed := r.process()
	changed.Changed = true
	changed.wantSent(t, wrong, "8888")
	changed.wantHeld(t) // it was said of what was sent before
	changed = r.process()
	changed.Changed = true
	changed.wantSent(t, nil, "8888")
	r.process().wantSent(t, nil, "8888")
}

// What befalls one token, or one place, is not held against another.
func TestRefusedElsewhere(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	r.process().wantSent(t, wrong, "9999")
	if _, err := r.process().ForToken(named)(t.Context(), hardware.PINRequest{Device: "demo", Serial: "2"}); err != nil {
		t.Errorf("another token of that label: %v", err)
	}
	t.Setenv("OTHER_PIN", "9999")
	r.source.Arg = "OTHER_PIN"
	r.process().wantSent(t, nil, "9999")
}

// An answer that says nothing of the PIN, none at all, and the end of the process count as a
// refusal.
func TestUnclear(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Asker){
		"answer": func(t *testing.T, a *Asker) {
			_, err := a.send(t, errDevice)
			if _, spent := errors.AsType[*SpentError](err); !spent || !errors.Is(err, errDevice) {
				t.Errorf("it is told as %v", err)
			}
		},
		"killed": func(t *testing.T, a *Asker) {
			pin, err := a.askDemo(t)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.beginDemo(t, pin); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := writeFile(t, "1234\n")
			r := newRig(t, config.PINFile, file)
			end(t, r.process())
			if refused := r.process().wantHeld(t); !refused.Unclear {
				t.Errorf("got %v", refused)
			}
			write(t, file, "4321\n")
			r.process().wantSent(t, nil, "4321")
		})
	}
}

// beginDemo leaves the PIN where a process leaves it that ends before the answer.
func (a *Asker) beginDemo(t *testing.T, pin hardware.PIN) error {
	t.Helper()
	u := a.useOf(t.Context(), a.Source, tokenRequest(demo))
	u.mark = a.Book.markOf(u, pin.Value)
	_, err := (&guard{asker: a}).begin(u)
	return err
}

// A PIN whose fate nobody knows is not forgotten because another one was sent after it.
func TestUnclearBeforeAnother(t *testing.T) {
	file := writeFile(t, "1111\n")
	r := newRig(t, config.PINFile, file)
	r.process().wantSent(t, errDevice, "1111")
	write(t, file, "2222\n")
	r.process().wantSent(t, errDevice, "2222")
	write(t, file, "1234\n")
	r.process().wantSent(t, nil, "1234")
	for _, old := range []string{"1111\n", "2222\n"} {
		write(t, file, old)
		r.process().wantHeld(t)
	}
	write(t, file, "3333\n")
	r = newRig(t, config.PINCommand, "cat "+file)
	for _, text := range []string{"4444", "5555"} {
		write(t, file, text)
		r.process().wantSent(t, errDevice, text)
	}
	write(t, file, "6666")
	if refused := r.process().wantHeld(t); !refused.Many {
		t.Errorf("got %v", refused)
	}
}

// Of many processes that have asked at the same time one sends the PIN, and the others hear
// what came of it.
func TestAtOnce(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	for name, answer := range map[string]error{"refused": wrong, "unclear": errDevice, "taken": nil} {
		r := newRig(t, config.PINEnv, "DEMO_PIN")
		var pins []hardware.PIN
		for range 10 {
			pin, err := r.process().askDemo(t)
			if err != nil {
				t.Fatal(err)
			}
			pins = append(pins, pin)
		}
		var sent atomic.Int32
		var all sync.WaitGroup
		for _, pin := range pins {
			all.Go(func() {
				err := pin.Guard(hardware.DevicePIN, func() error {
					sent.Add(1)
					return answer
				})
				if (err == nil) != (answer == nil) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		all.Wait()
		if n := sent.Load(); answer != nil && n != 1 || answer == nil && n != 10 {
			t.Errorf("%s: sent %d times", name, n)
		}
	}
}

// The PIN of a key is noted by itself: that the token takes it says nothing of the key.
func TestPINOfKey(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	for i := range 3 {
		pin, err := r.process().askDemo(t)
		if err != nil {
			t.Fatal(err)
		}
		if err := pin.Guard(hardware.DevicePIN, func() error { return nil }); err != nil {
			t.Error(err)
		}
		sent := false
		err = pin.Guard(hardware.KeyPIN, func() error {
			sent = true
			return errDevice
		})
		if err == nil || sent != (i == 0) {
			t.Errorf("time %d: sent %v, %v", i, sent, err)
		}
	}
}

// What an agent has written beside its socket is known to commands, and what a command has
// written since the agent's signer did counts, whatever the clock says.
func TestOtherWriters(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	beside := t.TempDir()
	profile := &config.Profile{PIN: r.source, Keys: []config.Address{named}}
	signer := func(memory *Memory) *Asker {
		a := r.process()
		book, err := Take(memory.Give(profile), memory.Learn)
		if err != nil {
			t.Fatal(err)
		}
		a.Book, a.Remote = book, &Remote{}
		return a
	}
	homeless := NewMemory("", []string{r.key})
	homeless.AlsoIn(beside)
	signer(homeless).wantSent(t, wrong, "9999")
	a := r.process()
	a.Book = NewBook(r.state, []string{beside}, []string{r.key})
	a.wantHeld(t)

	t.Setenv("DEMO_PIN", "8888")
	agent := NewMemory(r.state, []string{r.key})
	signer(agent).wantSent(t, nil, "8888")
	r.process().wantSent(t, wrong, "8888")
	path := filepath.Join(r.state, noteName(Device{Label: "demo", Serial: "1"}, "env:DEMO_PIN"))
	n, onDisk, err := r.process().Book.read(filepath.Base(path), false)
	if err != nil {
		t.Fatal(err)
	}
	n.Time = n.Time.Add(-8 * time.Hour)
	if err := shelf(r.state).write(filepath.Base(path), n, onDisk, true); err != nil {
		t.Fatal(err)
	}
	signer(agent).wantHeld(t)
}

// A file is the same one from every directory.
func TestSameFile(t *testing.T) {
	file := writeFile(t, "9999\n")
	t.Chdir(filepath.Dir(file))
	r := newRig(t, config.PINFile, "file")
	r.process().wantSent(t, wrong, "9999")
	for _, name := range []string{"./file", file, filepath.Dir(file) + "//file"} {
		r.source.Arg = name
		r.process().wantHeld(t)
	}
}

// What stands behind a program's name may hold anything, and is not shown or written down.
func TestArgumentsAreHidden(t *testing.T) {
	r := newRig(t, config.PINCommand, "echo 47110815")
	_, err := r.process().send(t, errDevice)
	held := r.process().wantHeld(t)
	if strings.Contains(fmt.Sprint(err, held), "4711") || !strings.Contains(held.Error(), "command:echo on ") {
		t.Errorf("%v, %v", err, held)
	}
	notes, _ := filepath.Glob(filepath.Join(r.state, "*.json"))
	for _, path := range notes {
		if text, _ := os.ReadFile(path); bytes.Contains(text, []byte("4711")) {
			t.Errorf("%s", text)
		}
	}
}

// A PIN that has worked is sent twice more after unclear answers, with time between, by
// whichever process; then a person must say something.
func TestUnclearAfterSuccess(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	gaps := []time.Duration{4 * time.Second, 9500 * time.Millisecond} // as docs/security.md says
	synctest.Test(t, func(t *testing.T) {
		r.process().wantSent(t, nil, "1234")
		_, err := r.process().send(t, errDevice)
		wait, ok := errors.AsType[*WaitError](err)
		if !ok || wait.Wait != gaps[0] || !errors.Is(err, errDevice) {
			t.Errorf("got %v", err)
		}
		for i := range gaps {
			began := time.Now()
			r.process().wantSent(t, errDevice, "1234")
			if took := time.Since(began); took != gaps[i] {
				t.Errorf("retry %d came after %v", i+1, took)
			}
		}
		r.process().wantHeld(t)
		time.Sleep(24 * time.Hour)
		r.process().wantHeld(t)
		changed := r.process()
		changed.Changed = true
		changed.wantSent(t, nil, "1234")

		r.process().wantSent(t, errDevice, "1234")
		r.process().wantSent(t, nil, "1234") // a success in between makes all of them good
		for range mostRetries + 1 {
			r.process().wantSent(t, errDevice, "1234")
		}
		r.process().wantHeld(t)
	})
}

// An agent is told how long to wait, and does not wait in the signer.
func TestWaitOfAgent(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	r.process().wantSent(t, nil, "1234")
	r.process().send(t, errDevice)
	a := r.process()
	a.Remote = &Remote{}
	sent, err := a.send(t, nil)
	if wait, ok := errors.AsType[*WaitError](err); !ok || sent != "" || wait.Wait <= 0 || wait.Wait > retryGaps[0] {
		t.Errorf("sent %q, %v", sent, err)
	}
}

// A module's word that it has taken a PIN counts when a signature shows it.
func TestProvenLater(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	for name, isProven := range map[string]bool{"a signature follows": true, "none follows": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.PINEnv, "DEMO_PIN")
			pin, err := r.process().askDemo(t)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []hardware.Secret{hardware.DevicePIN, hardware.KeyPIN} {
				if err := pin.Guard(secret, func() error { return hardware.ErrPINUnproven }); !errors.Is(err, hardware.ErrPINUnproven) {
					t.Fatal(err)
				}
			}
			if isProven {
				pin.Proved()
				r.process().wantSent(t, nil, "1234")
				return
			}
			r.process().wantHeld(t)
		})
	}
}

// What never reached the token, or was not looked at, leaves things as they were.
func TestNotSent(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	for _, answer := range []error{hardware.ErrPINNotSent, hardware.ErrPINNotRead, fmt.Errorf("%w: x", hardware.ErrPINNotSent)} {
		r := newRig(t, config.PINEnv, "DEMO_PIN")
		for range 3 {
			r.process().wantSent(t, answer, "1234")
		}
	}
}

// A token that has told of a wrong PIN in its flags once is believed when it tells of none, but
// not for ever: it may have told of that one by chance.
func TestTokenThatTells(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	quiet := &hardware.PINUnclearError{Device: "token", Before: hardware.FlagCounter(hardware.PINFresh), After: hardware.FlagCounter(hardware.PINFresh), Err: errDevice}
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	r.process().wantSent(t, quiet, "9999")
	r.process().wantHeld(t)

	r = newRig(t, config.PINEnv, "DEMO_PIN")
	r.process().wantSent(t, &hardware.PINError{Counter: hardware.FlagCounter(hardware.PINLow)}, "9999")
	t.Setenv("DEMO_PIN", "1234")
	synctest.Test(t, func(t *testing.T) {
		r.process().wantSent(t, &hardware.PINUnclearError{Err: errDevice}, "1234")
		for _, gap := range retryGaps {
			began := time.Now()
			r.process().wantSent(t, quiet, "1234")
			if took := time.Since(began); took != gap {
				t.Errorf("it was sent again after %v", took)
			}
		}
		r.process().wantHeld(t)
	})
}

// A token whose flags tell only that few tries are left says nothing by their absence.
func TestTokenThatTellsLate(t *testing.T) {
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	for _, sent := range []struct {
		pin    string
		answer error
	}{{"9999", &hardware.PINError{}}, {"8888", &hardware.PINError{Counter: hardware.FlagCounter(hardware.PINFinalTry)}}, {"1234", nil}, {"7777", &hardware.PINUnclearError{Device: "token", Before: hardware.FlagCounter(hardware.PINFresh), After: hardware.FlagCounter(hardware.PINFresh), Err: errDevice}}} {
		t.Setenv("DEMO_PIN", sent.pin)
		r.process().wantSent(t, sent.answer, sent.pin)
	}
	r.process().wantHeld(t)
}

// A PIN that comes back for a moment does not make the one refused that is in doubt.
func TestOldPINInBetween(t *testing.T) {
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	t.Setenv("DEMO_PIN", "9999")
	r.process().wantSent(t, wrong, "9999")
	t.Setenv("DEMO_PIN", "1234")
	r.process().wantSent(t, nil, "1234")
	synctest.Test(t, func(t *testing.T) {
		r.process().wantSent(t, errDevice, "1234")
		t.Setenv("DEMO_PIN", "9999")
		r.process().wantHeld(t)
		t.Setenv("DEMO_PIN", "1234")
		r.process().wantSent(t, nil, "1234")
	})
}

// A card's counter tells whether a PIN was counted, at once or when the card is back.
func TestCardThatTells(t *testing.T) {
	t.Setenv("DEMO_PIN", "246802")
	send := func(t *testing.T, a *Asker, tries int, answer error) (sent bool, err error) {
		pin, err := a.ForCard(pivuri.URI{Serial: 7})(t.Context(), hardware.PINRequest{Device: "YubiKey 7", Serial: "7", Counter: hardware.TryCounter(tries)})
		if err != nil {
			return false, err
		}
		err = pin.Guard(hardware.DevicePIN, func() error {
			sent = true
			return answer
		})
		return sent, err
	}
	pulled := &hardware.PINUnclearError{Device: "card", Before: hardware.TryCounter(3), After: hardware.TryCounter(-1), Err: piv.ErrRemoved}
	for name, test := range map[string]struct {
		answer error
		tries  int // the card has afterwards
		again  bool
	}{
		"not counted, as it tells at once": {&hardware.PINUnclearError{Device: "card", Before: hardware.TryCounter(3), After: hardware.TryCounter(3), Err: errDevice}, 3, true},
		"pulled, and not counted":          {pulled, 3, true},
		"pulled, and counted":              {pulled, 2, false},
		"pulled, and it does not tell":     {pulled, -1, false},
		"refused":                          {&hardware.PINError{Counter: hardware.TryCounter(2)}, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.PINEnv, "DEMO_PIN")
			if sent, _ := send(t, r.process(), 3, test.answer); !sent {
				t.Fatal("it was not sent at all")
			}
			sent, err := send(t, r.process(), test.tries, nil)
			if _, refused := errors.AsType[*RefusedError](err); sent != test.again || refused == test.again {
				t.Errorf("sent again: %v, %v", sent, err)
			}
			for range mostRetries + 2 { // for as long as its counter does not move
				if !test.again || test.tries < 0 {
					break
				}
				if sent, err := send(t, r.process(), 3, pulled); !sent {
					t.Errorf("the counter stands, and it is not sent: %v", err)
				}
			}
			if !test.again && test.tries >= 0 {
				sent, _ := send(t, r.process(), 3, nil) // whatever it tells later
				if sent {
					t.Error("sent once more")
				}
			}
		})
	}
}

// Where nothing can be written down a PIN from a place that nobody watches is not sent,
// unless somebody wants that.
func TestUnrecorded(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	for _, dir := range []string{"", filepath.Join(writeFile(t, "a file"), "state")} {
		r.state = dir
		sent, err := r.process().send(t, nil)
		if sent != "" || !errors.Is(err, ErrUnrecorded) {
			t.Errorf("%q: sent %q, %v", dir, sent, err)
		}
		a := r.process()
		a.Unrecorded = true
		a.wantSent(t, wrong, "9999")
		a.wantHeld(t) // by this process
	}
	// Nor where one process at a time can be had, and a note cannot: its name leads nowhere.
	r.state = t.TempDir()
	name := r.process().useOf(t.Context(), r.source, tokenRequest(demo)).name
	if err := os.Symlink(filepath.Join(r.state, "nowhere", "note"), filepath.Join(r.state, name)); err != nil {
		t.Fatal(err)
	}
	if sent, err := r.process().send(t, nil); sent != "" || !errors.Is(err, ErrUnrecorded) {
		t.Errorf("sent %q, %v", sent, err)
	}
}

// A PIN is not sent where there is a note that cannot be read: it may say that the PIN was refused. A
// directory that cannot be looked into has none.
func TestNoteThatCannotBeRead(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	name := r.process().useOf(t.Context(), r.source, tokenRequest(demo)).name
	for what, put := range map[string]func(path string) error{
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a loop":      func(path string) error { return os.Symlink(path, path) },
		"half a note": func(path string) error { return os.WriteFile(path, []byte(`{"state":"ref`), 0o600) },
	} {
		r.state = t.TempDir()
		if err := put(filepath.Join(r.state, name)); err != nil {
			t.Fatal(err)
		}
		sent, err := r.process().send(t, nil)
		if doubt, ok := errors.AsType[*DoubtError](err); sent != "" || !ok || doubt.Path != filepath.Join(r.state, name) {
			t.Errorf("%s: sent %q, %v", what, sent, err)
		}
	}
	r.state = filepath.Join(t.TempDir(), strings.Repeat("long", 100))
	a := r.process()
	a.Unrecorded = true
	a.wantSent(t, nil, "9999")
}

// Only one note may be lost in a power cut: that a PIN was taken again which had been taken before.
func TestNotesThatLast(t *testing.T) {
	worked := note{State: stateSending, Worked: "k:a"}
	for _, test := range []struct {
		note   note
		onDisk *note
		want   bool
	}{
		{note{State: stateSending, Worked: "k:a"}, &worked, true},
		{note{State: stateRefused, Worked: "k:a"}, &worked, true},
		{note{State: stateTaken, Worked: "k:a"}, &worked, false},
		{note{State: stateTaken, Worked: "k:b"}, &worked, true},
		{note{State: stateTaken, Worked: "k:a"}, nil, true},
	} {
		if got := test.note.mustLast(test.onDisk); got != test.want {
			t.Errorf("%+v over %+v: %v", test.note, test.onDisk, got)
		}
	}
}

// What was written last counts, whatever the clock says.
func TestClockSetBack(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	elsewhere := t.TempDir()
	process := func(dirs ...string) *Asker {
		a := r.process()
		a.Book = NewBook(dirs[0], dirs[1:], []string{r.key})
		return a
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 365 * 24 * time.Hour) // into the future, as seen from outside
		process(elsewhere).wantSent(t, nil, "1234")
	})
	process(r.state, elsewhere).wantSent(t, wrong, "1234")
	process(r.state, elsewhere).wantHeld(t)
	process(elsewhere, r.state).wantHeld(t)
}

// An agent knows better than a directory that was put back to an older state.
func TestStateRolledBack(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	memory := NewMemory(r.state, []string{r.key})
	signer := func() *Asker {
		a := r.process()
		book, err := Take(memory.Give(&config.Profile{PIN: r.source, Keys: []config.Address{named}}), memory.Learn)
		if err != nil {
			t.Fatal(err)
		}
		a.Book, a.Remote = book, &Remote{}
		return a
	}
	signer().wantSent(t, nil, "1234")
	notes, _ := filepath.Glob(filepath.Join(r.state, "*.json"))
	old, err := os.ReadFile(notes[0])
	if err != nil {
		t.Fatal(err)
	}
	signer().wantSent(t, wrong, "1234")
	write(t, notes[0], string(old))
	signer().wantHeld(t)
}

// A file is the same one in each spelling.
func TestSpellingsOfAPlace(t *testing.T) {
	file := writeFile(t, "9999")
	other := filepath.Dir(file) + "/./" + filepath.Base(file)
	r := newRig(t, config.PINFile, file)
	memory := NewMemory("", nil)
	signer := func(path string) *Asker {
		a := r.process()
		a.Source.Arg = path
		book, err := Take(memory.Give(&config.Profile{PIN: a.Source, Keys: []config.Address{named}}), memory.Learn)
		if err != nil {
			t.Fatal(err)
		}
		a.Book, a.Remote = book, &Remote{}
		return a
	}
	signer(file).wantSent(t, wrong, "9999")
	signer(other).wantHeld(t)
	signer(file).wantHeld(t)
}

// An agent remembers all the same, as long as it runs: also a PIN whose signer has died.
func TestUnrecordedByAgent(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	for name, answer := range map[string]error{"refused": wrong, "unclear": errDevice} {
		memory := NewMemory("", []string{r.key})
		signer := func() *Asker {
			a := r.process()
			book, err := Take(memory.Give(&config.Profile{PIN: r.source, Keys: []config.Address{named}}), memory.Learn)
			if err != nil {
				t.Fatal(err)
			}
			a.Book, a.Remote = book, &Remote{}
			return a
		}
		signer().wantSent(t, answer, "9999")
		signer().wantHeld(t)
		if !strings.Contains(r.said.String(), "warning: after a restart the agent would send a wrong PIN again: there is no state directory") {
			t.Errorf("%s: said %q", name, r.said)
		}
	}
	// With a directory of another kind it is written down there.
	memory := NewMemory("", []string{r.key})
	memory.AlsoIn(r.state)
	book, err := Take(memory.Give(&config.Profile{PIN: r.source, Keys: []config.Address{named}}), memory.Learn)
	if err != nil {
		t.Fatal(err)
	}
	a := r.process()
	a.Book, a.Remote = book, &Remote{}
	a.wantSent(t, wrong, "9999")
	r.process().wantHeld(t)
}

// A signer is given what is about its profile, and never more than a pipe's message holds.
func TestGive(t *testing.T) {
	memory := NewMemory("", nil)
	profile := &config.Profile{Name: "a", PIN: config.PINSource{Kind: config.PINEnv, Arg: "DEMO_PIN"}, Keys: []config.Address{named}}
	learn := func(device, source string, at time.Time) {
		e := entry{Name: noteName(Device{Label: device}, source), Note: note{State: stateRefused, Time: at}, About: about{Device: device, Source: source}}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		memory.Learn(text)
	}
	began := now()
	for i := range 1000 {
		learn(fmt.Sprintf("token %d", i), "env:DEMO_PIN", began.Add(time.Duration(i)*time.Second))
	}
	learn("other", "env:OTHER", began.Add(time.Hour))
	learn("typed", typedSource("a"), began.Add(time.Hour))
	given := memory.Give(profile)
	book, err := Take(given, nil)
	if err != nil || len(given) > maxGiven+1000 || len(book.notes) < 50 {
		t.Fatalf("%d bytes, %d notes, %v", len(given), len(book.notes), err)
	}
	for device, want := range map[Device]bool{{Label: "token 999"}: true, {Label: "token 0"}: false} {
		if _, ok := book.notes[noteName(device, "env:DEMO_PIN")]; ok != want {
			t.Errorf("%v: %v", device, ok)
		}
	}
	if _, ok := book.notes[noteName(Device{Label: "typed"}, typedSource("a"))]; !ok {
		t.Error("the typed PIN is not among it")
	}
	if _, ok := book.notes[noteName(Device{Label: "other"}, "env:OTHER")]; ok {
		t.Error("another profile's PIN is")
	}
}

// The notes of older versions count, and one that cannot be read is in doubt.
func TestNotes(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	path := filepath.Join(r.state, noteName(Device{Label: "demo", Serial: "1"}, "env:DEMO_PIN"))
	write(t, path, `{"token":"demo","source":"env:DEMO_PIN","stamp":"1 5","time":"2026-01-02T03:04:05Z"}`)
	if refused := r.process().wantHeld(t); !refused.Time.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("got %v", refused)
	}
	for _, text := range []string{"{", "", "{}", "null", "null garbage", strings.Repeat(" ", 600)} {
		write(t, path, text)
		sent, err := r.process().send(t, nil)
		if doubt, ok := errors.AsType[*DoubtError](err); !ok || sent != "" || doubt.Path != path {
			t.Errorf("%q: sent %q, %v", text, sent, err)
		}
	}
	changed := r.process()
	changed.Changed = true
	changed.wantSent(t, nil, "9999")
	r.process().wantSent(t, nil, "9999")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// Without the key of the marks nothing tells that a PIN is another one; what is known stays.
func TestKeyLost(t *testing.T) {
	t.Setenv("DEMO_PIN", "9999")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	r.process().wantSent(t, wrong, "9999")
	if held := r.process().wantHeld(t); held.Unknown {
		t.Errorf("with the key: %v", held)
	}
	if err := os.Remove(filepath.Join(r.key, keyFile)); err != nil {
		t.Fatal(err)
	}
	r.process().wantHeld(t)
	t.Setenv("DEMO_PIN", "1234")
	if held := r.process().wantHeld(t); !held.Unknown || !strings.Contains(held.Error(), keyFile) {
		t.Errorf("without the key: %v", held)
	}
	changed := r.process()
	changed.Changed = true
	changed.wantSent(t, nil, "1234")
	t.Setenv("DEMO_PIN", "4321")
	r.process().wantSent(t, wrong, "4321")
}

// The notes say nothing of the PIN to whoever has not the key, which lies elsewhere.
func TestNotesShowNothing(t *testing.T) {
	t.Setenv("DEMO_PIN", "47110815")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	r.process().wantSent(t, nil, "47110815")
	r.process().wantSent(t, wrong, "47110815")
	other := newRig(t, config.PINEnv, "DEMO_PIN")
	other.process().wantSent(t, nil, "47110815")
	notes, err := filepath.Glob(filepath.Join(r.state, "*.json"))
	if err != nil || len(notes) != 1 {
		t.Fatal(notes, err)
	}
	text, err := os.ReadFile(notes[0])
	if err != nil || bytes.Contains(text, []byte("4711")) {
		t.Errorf("%s, %v", text, err)
	}
	elsewhere, err := os.ReadFile(filepath.Join(other.state, filepath.Base(notes[0])))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := parseNote(text)
	second, _ := parseNote(elsewhere)
	if first.PIN == "" || first.PIN == second.PIN || first.PIN.compare(second.PIN) != unknown {
		t.Errorf("two machines have the marks %s and %s", first.PIN, second.PIN)
	}
	key, err := os.ReadFile(filepath.Join(r.key, keyFile))
	if info, statErr := os.Stat(filepath.Join(r.key, keyFile)); err != nil || statErr != nil || info.Mode().Perm() != 0o600 || len(key) != keyLength {
		t.Errorf("the key: %v, %v", err, statErr)
	}
}

// A program that prints something else each time does not use up the tries.
func TestProgramThatPrintsOthers(t *testing.T) {
	file := writeFile(t, "1111\n")
	r := newRig(t, config.PINCommand, "cat "+file)
	r.process().wantSent(t, wrong, "1111")
	write(t, file, "2222\n")
	r.process().wantSent(t, wrong, "2222")
	write(t, file, "3333\n")
	if refused := r.process().wantHeld(t); !refused.Many {
		t.Errorf("got %v", refused)
	}
	changed := r.process()
	changed.Changed = true
	changed.wantSent(t, nil, "3333")
	write(t, file, "4444\n")
	r.process().wantSent(t, wrong, "4444")
}

// A PIN for whichever card is put in belongs to the one that took it.
func TestPINOfAnotherCard(t *testing.T) {
	t.Setenv("DEMO_PIN", "246802")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	send := func(a *Asker, address pivuri.URI, serial uint32) error {
		card := fmt.Sprintf("YubiKey %d", serial)
		pin, err := a.ForCard(address)(t.Context(), hardware.PINRequest{Device: card, Serial: fmt.Sprint(serial), Counter: hardware.TryCounter(3)})
		if err == nil {
			err = pin.Guard(hardware.DevicePIN, func() error { return nil })
		}
		return err
	}
	unnamed := pivuri.URI{Slot: pivuri.Signature}
	if err := send(r.process(), unnamed, 7); err != nil {
		t.Fatal(err)
	}
	err := send(r.process(), unnamed, 8)
	if other, ok := errors.AsType[*OtherDeviceError](err); !ok || other.Error() != "the PIN from env:DEMO_PIN belongs to YubiKey 7, not to YubiKey 8, so it is not sent" {
		t.Errorf("another card: %v", err)
	}
	if err := send(r.process(), pivuri.URI{}, 8); err == nil {
		t.Error("another card gets it by another address that names none")
	}
	if err := send(r.process(), unnamed, 7); err != nil {
		t.Errorf("the card again: %v", err)
	}
	if err := send(r.process(), pivuri.URI{Serial: 8}, 8); err != nil {
		t.Errorf("another card, by its name: %v", err)
	}
	changed := r.process()
	changed.Changed = true
	if err := send(changed, unnamed, 8); err != nil {
		t.Errorf("a person says so: %v", err)
	}
	if err := send(r.process(), unnamed, 8); err != nil {
		t.Errorf("the new card: %v", err)
	}
	if err := send(r.process(), unnamed, 7); err == nil {
		t.Error("the old card gets it")
	}
}

// A PIN that is kept serves one token, as long as that has taken it.
func TestKeep(t *testing.T) {
	file := writeFile(t, "1234\n")
	r := newRig(t, config.PINFile, file)
	a := r.process()
	drop := a.Keep()
	a.wantSent(t, nil, "1234")
	write(t, file, "5678\n")
	a.wantSent(t, nil, "1234")
	kept := a.kept.pin
	a.wantSent(t, errDevice, "1234")
	if a.kept.pin != nil || string(kept) != "\x00\x00\x00\x00" {
		t.Errorf("a PIN that was not taken stays in memory: %q", kept)
	}
	a.wantSent(t, nil, "5678")
	request := demo
	request.Key, request.Own = "login", true // which may have a PIN of its own
	write(t, file, "9012\n")
	if pin, err := a.ForToken(named)(t.Context(), request); err != nil || string(pin.Value) != "9012" {
		t.Errorf("got %q, %v; want what its place says", pin.Value, err)
	}
	kept = a.kept.pin
	drop()
	if a.kept.pin != nil || string(kept) != "\x00\x00\x00\x00" {
		t.Errorf("it is not dropped: %q", kept)
	}
}

// What cannot be a PIN is not sent, from whichever place.
func TestMistakes(t *testing.T) {
	file := writeFile(t, "4711\nsecond\n")
	t.Setenv("DEMO_PIN", "4711 ")
	for source, want := range map[config.PINSource]string{
		{Kind: config.PINFile, Arg: file}:             "more than one line",
		{Kind: config.PINCommand, Arg: "cat " + file}: "command:cat has more than one line",
		{Kind: config.PINEnv, Arg: "DEMO_PIN"}:        "blank",
	} {
		r := newRig(t, source.Kind, source.Arg)
		sent, err := r.process().send(t, nil)
		if sent != "" || !errors.Is(err, ErrNotAPIN) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%v: sent %q, %v", source, sent, err)
		}
	}
}

// Before a PIN leaves, what may print it is hidden.
func TestHide(t *testing.T) {
	t.Setenv("DEMO_PIN", "1234")
	a := newRig(t, config.PINEnv, "DEMO_PIN").process()
	hidden := false
	a.Hide = func() error {
		hidden = true
		return nil
	}
	pin, err := a.askDemo(t)
	if err == nil {
		err = pin.Guard(hardware.DevicePIN, func() error {
			if !hidden {
				t.Error("it is not hidden when the PIN leaves")
			}
			return nil
		})
	}
	if err != nil {
		t.Error(err)
	}
	a.Hide = func() error { return errDevice }
	if sent, err := a.send(t, nil); sent != "" || !errors.Is(err, errDevice) {
		t.Errorf("sent %q although it cannot be hidden: %v", sent, err)
	}
}

// A pipe without a writer does not keep the command for ever.
func TestFilePINOfSilentPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	a := newRig(t, config.PINFile, pipe).process()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errLate)
	if _, err := a.ForToken(named)(ctx, demo); !errors.Is(err, errLate) {
		t.Error(err)
	}
	if writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		writer.Close() // lets the reader end
	}
}

// A program that is asked when the time is up does not outlive the asker.
func TestEnd(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	a := newRig(t, config.PINCommand, "sh -c 'echo $$ >"+started+"; exec sleep 3600'").process()
	ctx, cancel := context.WithCancelCause(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := a.ForToken(named)(ctx, demo)
		asked <- err
	}()
	text, err := os.ReadFile(started)
	if err != nil {
		t.Fatal(err)
	}
	cancel(errLate)
	a.End()
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(pid, 0) != syscall.ESRCH {
		t.Errorf("the program %d is still there, %v", pid, err)
	}
	if err := <-asked; !errors.Is(err, errLate) {
		t.Error(err)
	}
}

func TestPINSourceOfAddress(t *testing.T) {
	file := writeFile(t, "1234")
	a := newRig(t, "", "").process()
	request := demo
	request.Source = "file:" + file
	if pin, err := a.ForToken(named)(t.Context(), request); err != nil || string(pin.Value) != "1234" {
		t.Errorf("got %q, %v", pin.Value, err)
	}
	request.Source = "1234"
	if _, err := a.ForToken(named)(t.Context(), request); !errors.Is(err, ErrSetting) || strings.Contains(err.Error(), "1234") {
		t.Errorf("a PIN in place of its source: %v", err)
	}
}

func TestSources(t *testing.T) {
	at := func(source string) config.Address { return uri.URI{}.With("pin-source", source) }
	profile := &config.Profile{Keys: []config.Address{at("file:/run/a"), at("file:/run/b"), at("file:/run/a"), pivuri.URI{}}}
	got := Sources(profile)
	want := []config.PINSource{{Kind: config.PINFile, Arg: "/run/a"}, {Kind: config.PINFile, Arg: "/run/b"}, {Kind: config.PINPrompt}}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A key of marks that cannot be read is not replaced: all marks that were made with it would
// say nothing any more.
func TestKeyOutOfReach(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keyFile)
	if err := os.Symlink(filepath.Join(dir, "not mounted"), path); err != nil {
		t.Fatal(err)
	}
	if key := loadKey([]string{dir}); key != nil {
		t.Error("there is a key")
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}
