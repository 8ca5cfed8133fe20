package pin

// The rules by which a PIN is sent to a token or a card. Where the PIN is read is in
// pinsource.go, what Refusals are remembered in Refusals.go.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// ErrNeeded is returned where no PIN can be had. It is what both packages of
// devices branch on.
var ErrNeeded error = pinNeeded{}

// pinNeeded is hsm.ErrPINNeeded and piv.ErrPINNeeded in one.
type pinNeeded struct{}

// Error implements error.
func (pinNeeded) Error() string { return hsm.ErrPINNeeded.Error() }

// Is implements errors' idea of it.
func (pinNeeded) Is(target error) bool {
	return target == hsm.ErrPINNeeded || target == piv.ErrPINNeeded
}

// ErrNotConfirmed is returned when the last try is not confirmed.
var ErrNotConfirmed = errors.New("the last PIN try was not confirmed, and is not spent")

// Messages tells the person something, each in a line: what is going on, and what may
// turn out bad.
type Messages interface {
	Note(format string, args ...any)
	Warn(format string, args ...any)
}

// ErrSetting says that the setting of a PIN's place is wrong, wherever it was set.
var ErrSetting = errors.New("settings")

// Asker gets a PIN from where the profile says, with the rules that keep a
// device from being locked: a refused PIN is not sent again, and the last try is
// spent on an explicit yes only. Devices count wrong PINs and most of them lock
// for good after three, which a job that runs by itself would reach in no time.
type Asker struct {
	Source  config.PINSource // zero: the address's pin-source, else prompt
	Changed bool             // the user says that a refused PIN has been replaced
	Memory  Refusals
	Pause   func() (resume func()) // stops the clock of the command while a person is waited for
	Say     Messages

	// Remote is set in a signer process, where the person is somewhere else.
	Remote *Remote

	resume func() // lets the time run on that stands still for a keypad; nil: it runs

	// mu is held by ask and settle: when the time is up hsm and piv return while ask is
	// still at work. settle then waits for its end, which is near since the context
	// is done; a program that prints the PIN would else outlive this one.
	mu sync.Mutex

	// The PIN that was given out last and has not been settled: where it came from
	// and for which device. A zero used: there is none.
	used   config.PINSource
	device Device

	// Keep: hold a PIN until drop, for a command that logs in twice. Without it a
	// person would have to type the PIN twice for one command.
	Keep bool
	kept []byte
}

// ask returns the PIN. Its errors end the call: ErrSource, ErrLength,
// ErrNotConfirmed, ErrCancelled, a RefusedError, or ErrNeeded where no PIN can
// be had.
func (a *Asker) ask(ctx context.Context, request Request) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	source, err := a.SourceFor(request)
	if err != nil {
		return nil, err
	}
	keeping := a.Keep && !request.own
	same := request.device == a.device
	a.used, a.device = source, request.device
	if a.Remote != nil && (a.Remote.PIN != nil || Interactive(source) || request.lastTry != "" || request.pinPad) {
		a.used = config.PINSource{} // what it was is the agent's to remember, which has it from a person
		if request.pinPad && a.Remote.Attended {
			a.Say.Note("enter the PIN of %s on the keypad of the device", request.device)
			a.resume = a.Pause() // until settle: the module does not tell when it is typed
		}
		return a.Remote.ask(source, request, func() ([]byte, error) { return a.read(ctx, source, request) })
	}
	if keeping && a.kept != nil && same {
		return bytes.Clone(a.kept), nil // it is overwritten by whom it is given to
	}
	if err := a.allow(ctx, source, request); err != nil {
		a.used = config.PINSource{} // nothing was sent
		return nil, err
	}
	// With a protected authentication path (CKF_PROTECTED_AUTHENTICATION_PATH) the PIN
	// never enters this machine; nil tells the module to read it from the pad.
	if request.pinPad {
		a.Say.Note("enter the PIN of %s on the keypad of the device", request.device)
		return nil, nil
	}
	pin, err := a.read(ctx, source, request)
	if keeping && err == nil {
		a.kept = bytes.Clone(pin)
	}
	return pin, err
}

// hasPIN reports whether there is a PIN that nobody has to be asked for.
func (a *Asker) HasPIN() bool { return a.Remote != nil && a.Remote.PIN != nil }

// allow returns why a PIN of that source may not be sent now; nil if it may.
func (a *Asker) allow(ctx context.Context, source config.PINSource, request Request) error {
	if source.Kind == config.PINNone {
		return fmt.Errorf("%w, and the PIN source is none", ErrNeeded)
	}
	if !Interactive(source) {
		if err := a.Memory.Check(a.device, source.String(), StampOf(source), a.Changed); err != nil {
			return err
		}
	}
	if request.lastTry != "" {
		return a.confirmLastTry(ctx, request.lastTry)
	}
	return nil
}

// drop forgets the PIN that is kept, by overwriting it: memory that is only let go
// of stays readable until something else needs it.
func (a *Asker) Drop() {
	clear(a.kept)
	a.kept = nil
}

// settle remembers how it went: err is what came of the call that asked. Without
// a PIN that was given out since the last settle there is nothing to remember, so
// that one device's trouble is not held against another's PIN.
func (a *Asker) Settle(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.resume != nil {
		a.resume()
		a.resume = nil
	}
	refused := IsRefusal(err)
	if refused {
		a.Drop()
	}
	used := a.used
	a.used = config.PINSource{}
	if used.Kind == "" || Interactive(used) {
		return // a person will not type a refused PIN again by accident
	}
	switch {
	case refused:
		err = a.Memory.Remember(a.device, used.String(), StampOf(used))
	case err == nil:
		err = a.Memory.Forget(a.device, used.String())
	default:
		return // the device failed: that tells nothing of the PIN
	}
	if err != nil {
		a.Say.Warn("the next run cannot know whether this PIN was refused: %v", err)
	}
}

// IsRefusal reports whether a device did not take the PIN, or takes none.
func IsRefusal(err error) bool {
	_, token := errors.AsType[*hsm.PINError](err)
	_, card := errors.AsType[*piv.PINError](err)
	return token || card
}

// sourceFor returns where the PIN comes from: the setting, else the address's
// pin-source (RFC 7512 section 2.4), else the terminal.
func (a *Asker) SourceFor(request Request) (config.PINSource, error) {
	switch {
	case a.Source.Kind != "":
		return a.Source, nil
	case request.Source != "":
		source, err := config.ParsePINURI(request.Source)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrSetting, err)
		}
		return source, err
	}
	return config.PINSource{Kind: config.PINPrompt}, nil
}

// Interactive reports whether a person gives the PIN each time, and has seen that
// the last one was refused.
func Interactive(source config.PINSource) bool {
	return source.Kind == config.PINPrompt || source.Kind == config.PINPinentry
}

// confirmLastTry asks on the terminal, whatever the PIN's source is: one wrong PIN more
// does what is told. Without a terminal there is no yes, so the answer is no.
func (a *Asker) confirmLastTry(ctx context.Context, what string) error {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return fmt.Errorf("one more wrong PIN %s, so a person must say yes first: %w", what, err)
	}
	defer terminal.Close()
	defer a.Pause()()
	yes, err := terminal.AskYes(ctx, fmt.Sprintf("LAST TRY: one more wrong PIN %s.", what))
	if err != nil {
		return err
	}
	if !yes {
		return ErrNotConfirmed
	}
	return nil
}
