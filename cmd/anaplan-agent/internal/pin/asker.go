// Package pin has the rules by which a PIN is asked for and sent to a token or a card: where
// it comes from, what cannot be one, who is asked, and which PIN is not sent again. What
// becomes of a PIN is noted by the guard that goes with it (hardware.PIN), so nobody who
// uses a device has to think of it.
package pin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// errNone is hardware.ErrPINNeeded where the settings say that there is no PIN.
var errNone = fmt.Errorf("%w, and the PIN source is none", hardware.ErrPINNeeded)

// ErrNotConfirmed is returned when the last try is not confirmed.
var ErrNotConfirmed = errors.New("the last PIN try was not confirmed, and is not spent")

// Messages tells the person something, one line each: what is going on, and what may go wrong.
type Messages interface {
	Note(format string, args ...any)
	Warn(format string, args ...any)
}

// ErrSetting says that a setting is wrong, wherever it was set.
var ErrSetting = errors.New("settings")

// Asker gets a PIN from where the profile says, with the rules that keep a device from being
// locked: a PIN is sent once, whatever comes back, and the last try is spent on an explicit yes
// only. Devices count wrong PINs and most of them lock for good after three, which a job that runs
// by itself would reach in no time. One Asker serves all devices of a run, so that what one of them
// says about a PIN counts for all.
type Asker struct {
	Source     config.PINSource // zero: the address's pin-source, else prompt
	Changed    bool             // the user says that the PIN that was not accepted is right
	Unrecorded bool             // the user wants the PIN sent even if that cannot be recorded
	Book       *Book
	Pause      func() (resume func()) // stops the clock of the command while a person is waited for
	Say        Messages

	// Hide hides what libraries print from now on, before one gets a PIN that it may print. If
	// that fails the PIN is not sent. nil: nothing is hidden.
	Hide func() error

	// Got is told when a PIN was got from its source. nil: nobody is.
	Got func()

	// Remote is set in a signer process, where the person is somewhere else.
	Remote *Remote

	// mu guards what follows. It is held while a PIN is asked for, and while a note of it is
	// written. hsm and piv return when the time is up; the next question then waits for the end of
	// this one, which is near.
	mu sync.Mutex

	// sent are the notes of PINs that this process has sent: Changed is about PINs that were sent
	// before.
	sent map[string]bool

	kept kept
}

// kept is a PIN that is held for a command that logs in twice, so that the person types it only
// once.
type kept struct {
	wanted bool
	pin    []byte // nil: none was typed yet
	device Device
}

// use is a PIN on its way: from which place, to which device.
type use struct {
	ctx     context.Context
	device  Device
	source  string // in words
	name    string // of the note
	prompt  *agent.PINPrompt
	typed   bool // by a person, so that nothing of it is written down
	fresh   bool // it was said to be right, whatever came of it before
	loose   bool // it is sent even if that cannot be recorded
	counter hardware.PINCounter
	owner   string // name of the note of whose PIN it is; "": the address says so
	mark    mark
	seen    note // what was known of it when it was asked for

	// What older versions called the note; "": the same. And what is known of the PIN by that name and others.
	labelled     string
	labelledMark mark
	former       []former
}

// ask returns the PIN, and what guards its way to the device. Its errors end the call:
// ErrSource, ErrNotAPIN, ErrLength, ErrNotConfirmed, ErrCancelled, ErrUnrecorded, a
// *RefusedError, a *WaitError, an *OtherDeviceError, a *DoubtError, or hardware.ErrPINNeeded where no
// PIN can be had.
func (a *Asker) ask(ctx context.Context, request Request) (hardware.PIN, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	source, err := a.SourceFor(request)
	if err != nil {
		return hardware.PIN{}, err
	}
	u := a.useOf(ctx, source, request)
	if a.Remote != nil && (a.Remote.isTyped(request) || Interactive(source) || request.lastTry != "" || request.pinPad) {
		return a.askAway(ctx, source, request, u)
	}
	if source.Kind == config.PINNone {
		return hardware.PIN{}, errNone
	}
	if pin := a.heldFor(u, request); pin != nil {
		a.Book.learn(&u, pin)
		return a.guarded(pin, u), nil
	}
	// With a protected authentication path (CKF_PROTECTED_AUTHENTICATION_PATH) the PIN
	// never enters this machine; nil tells the module to read it from the pad.
	if request.pinPad {
		err := a.confirm(ctx, request)
		if err == nil {
			a.Say.Note("enter the PIN of %s on the keypad of the device", request.device)
		}
		return hardware.PIN{}, err
	}
	pin, err := a.get(ctx, source, request, &u)
	if err != nil {
		return hardware.PIN{}, err
	}
	if a.Got != nil {
		a.Got()
	}
	if a.kept.wanted && !request.own {
		a.kept.drop()
		a.kept.pin, a.kept.device = bytes.Clone(pin), u.device
	}
	return a.guarded(pin, u), nil
}

// useOf returns the way of a PIN that is yet to be had.
func (a *Asker) useOf(ctx context.Context, source config.PINSource, request Request) use {
	name := noteName(request.device, nameOf(source))
	u := use{
		ctx: ctx, device: request.device, source: Place(source), name: name, prompt: request.prompt(), typed: Interactive(source),
		fresh: a.Changed && !a.sent[name], loose: a.Unrecorded, counter: request.counter, owner: request.owner(source),
	}
	return u.labelledBy(source)
}

// labelledBy returns the use with what older versions called its note.
func (u use) labelledBy(source config.PINSource) use {
	if u.device.Kind != "" {
		u.labelled = labelledName(u.device, nameOf(source))
	}
	return u
}

// get reads the PIN and checks whether it may be sent. A person confirms the last try before typing
// the PIN; for a PIN from elsewhere, only once it is certain that it would be sent.
func (a *Asker) get(ctx context.Context, source config.PINSource, request Request, u *use) (pin []byte, err error) {
	if u.typed {
		if err := a.confirm(ctx, request); err != nil {
			return nil, err
		}
	}
	if pin, err = a.read(ctx, source, request); err != nil {
		return nil, err
	}
	a.Book.learn(u, pin)
	if !u.typed {
		err = a.allow(ctx, u)
		if err == nil {
			err = a.confirm(ctx, request)
		}
	}
	if err != nil {
		clear(pin)
		return nil, err
	}
	return pin, nil
}

// heldFor returns the PIN that is kept for the device; nil without one, or if the device has not
// accepted it.
func (a *Asker) heldFor(u use, request Request) []byte {
	if !a.kept.wanted || request.own || a.kept.pin == nil || !a.kept.device.isSame(u.device) {
		return nil
	}
	n, _, err := a.Book.read(u.name, u.typed)
	if err != nil || n.State != stateTaken {
		a.kept.drop()
		return nil
	}
	return bytes.Clone(a.kept.pin) // the receiver overwrites it
}

// HasPIN reports whether a person has typed the PIN already.
func (a *Asker) HasPIN() bool { return a.Remote != nil && a.Remote.PIN != nil }

// Keep holds the PIN from now on, for a command that logs in several times, until the
// function that it returns is called.
func (a *Asker) Keep() (drop func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept.wanted = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.kept.wanted = false
		a.kept.drop()
	}
}

// End waits for the end of a question that is still under way, which is near once its context is
// done: otherwise a program that prints the PIN would outlive this one. It forgets the kept PIN.
func (a *Asker) End() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept.drop()
}

// drop overwrites the PIN: freed memory stays readable until something else needs it.
func (k *kept) drop() {
	clear(k.pin)
	k.pin = nil
}

// allow returns why the PIN may not be sent now; nil if it may. If it is only too soon, it waits;
// an agent is told how long to wait instead.
func (a *Asker) allow(ctx context.Context, u *use) error {
	for {
		err := a.Book.judge(u)
		wait, soon := errors.AsType[*WaitError](err)
		if !soon || a.Remote != nil {
			return err
		}
		a.Say.Note("%s: %v", u.device, err)
		if err := a.sleep(ctx, wait.Wait); err != nil {
			return err
		}
	}
}

// sleep waits, without using up the time limit.
func (a *Asker) sleep(ctx context.Context, d time.Duration) error {
	defer a.Pause()()
	nap, wake := context.WithTimeout(ctx, d)
	defer wake()
	<-nap.Done()
	return context.Cause(ctx)
}

// confirm asks on the terminal whether the last try may be spent, whatever the PIN's source is, and
// says what one more wrong PIN does. Without a terminal the answer is no.
func (a *Asker) confirm(ctx context.Context, request Request) error {
	what := request.lastTry
	if what == "" {
		return nil
	}
	terminal, err := console.OpenTerminal()
	if err != nil {
		return fmt.Errorf("one more wrong PIN %s, so a person must say yes first: %w", what, err)
	}
	defer terminal.Close()
	defer a.Pause()()
	return ConfirmLastTry(ctx, terminal, what)
}

// ConfirmLastTry asks on the terminal whether the last try may be spent. what is the effect of one
// more wrong PIN: "locks token "demo"". It returns ErrNotConfirmed without a yes.
func ConfirmLastTry(ctx context.Context, terminal *console.Terminal, what string) error {
	yes, err := terminal.AskYes(ctx, fmt.Sprintf("LAST TRY: one more wrong PIN %s.", what))
	if err == nil && !yes {
		err = ErrNotConfirmed
	}
	return err
}

// IsRefusal reports whether a device refused the PIN, or refuses all.
func IsRefusal(err error) bool {
	_, refused := errors.AsType[*hardware.PINError](err)
	return refused
}

// SourceFor returns where the PIN comes from: the setting, else the address's
// pin-source (RFC 7512 section 2.4), else the terminal.
func (a *Asker) SourceFor(request Request) (config.PINSource, error) {
	switch {
	case a.Source.Kind != "":
		return a.Source, nil
	case request.source != "":
		source, err := config.ParsePINURI(request.source)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrSetting, err)
		}
		return source, err
	}
	return config.PINSource{Kind: config.PINPrompt}, nil
}

// Interactive reports whether a person gives the PIN each time, and so knows that the last one was
// refused.
func Interactive(source config.PINSource) bool {
	return source.Kind == config.PINPrompt || source.Kind == config.PINPinentry
}
