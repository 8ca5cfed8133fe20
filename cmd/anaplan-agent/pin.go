package main

// The rules by which a PIN is sent to a token. Where the PIN is read is in
// pinsource.go, what refusals are remembered in refusals.go.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// errNotConfirmed is returned when the last try is not confirmed.
var errNotConfirmed = errors.New("the last PIN try was not confirmed, and is not spent")

// pinAsker gets a PIN from where the profile says, with the rules that keep a
// token from being locked: a refused PIN is not sent again, and the last try is
// spent on an explicit yes only. Tokens count wrong PINs and most of them lock
// for good after three, which a job that runs by itself would reach in no time.
type pinAsker struct {
	source   config.PINSource // zero: the address's pin-source, else prompt
	changed  bool             // the user says that a refused PIN has been replaced
	refusals refusals
	patience *patience
	say      *messenger

	// mu is held by ask and settle: when the time is up hsm returns while ask is
	// still at work. settle then waits for its end, which is near since the context
	// is done; a program that prints the PIN would else outlive this one.
	mu sync.Mutex

	// The PIN that was given out last and has not been settled: where it came from
	// and for which token. A zero used: there is none.
	used  config.PINSource
	token tokenName

	// keep: hold a PIN until drop, for a command that logs in twice. Without it a
	// person would have to type the PIN twice for one command.
	keep bool
	kept []byte
}

// ask is an hsm.PINFunc. Its errors end the call: errPINSource, errNotConfirmed,
// errCancelled, a refusedError, or hsm.ErrPINNeeded where no PIN can be had.
func (a *pinAsker) ask(ctx context.Context, request hsm.PINRequest) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	source, err := a.sourceFor(request)
	if err != nil {
		return nil, err
	}
	token := tokenName{request.Token, request.Serial}
	// A key may have a signature PIN of its own (CKU_CONTEXT_SPECIFIC, PKCS#11 section
	// 5.6): the token's would cost a try of it.
	keeping := a.keep && request.Key == ""
	same := token == a.token
	a.used, a.token = source, token
	if keeping && a.kept != nil && same {
		return bytes.Clone(a.kept), nil // hsm overwrites what it is given
	}
	if err := a.allow(ctx, source, request); err != nil {
		a.used = config.PINSource{} // nothing was sent
		return nil, err
	}
	// With a protected authentication path (CKF_PROTECTED_AUTHENTICATION_PATH) the PIN
	// never enters this machine; nil tells the module to read it from the pad.
	if request.PINPad {
		a.say.note("enter the PIN of token %q on the keypad of the device", request.Token)
		return nil, nil
	}
	pin, err := a.read(ctx, source, request)
	if keeping && err == nil {
		a.kept = bytes.Clone(pin)
	}
	return pin, err
}

// allow returns why a PIN of that source may not be sent now; nil if it may.
func (a *pinAsker) allow(ctx context.Context, source config.PINSource, request hsm.PINRequest) error {
	if source.Kind == config.PINNone {
		return fmt.Errorf("%w, and the PIN source is none", hsm.ErrPINNeeded)
	}
	if !interactive(source) {
		if err := a.refusals.check(a.token, source.String(), stampOf(source), a.changed); err != nil {
			return err
		}
	}
	if request.State == hsm.PINFinalTry {
		return a.confirmLastTry(ctx, request.Token)
	}
	return nil
}

// drop forgets the PIN that is kept, by overwriting it: memory that is only let go
// of stays readable until something else needs it.
func (a *pinAsker) drop() {
	clear(a.kept)
	a.kept = nil
}

// settle remembers how it went: err is what came of the call that asked. Without
// a PIN that was given out since the last settle there is nothing to remember, so
// that one token's trouble is not held against another's PIN.
func (a *pinAsker) settle(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, refused := errors.AsType[*hsm.PINError](err)
	if refused {
		a.drop()
	}
	used := a.used
	a.used = config.PINSource{}
	if used.Kind == "" || interactive(used) {
		return // a person will not type a refused PIN again by accident
	}
	switch {
	case refused:
		err = a.refusals.remember(a.token, used.String(), stampOf(used))
	case err == nil:
		err = a.refusals.forget(a.token, used.String())
	default:
		return // the device failed: that tells nothing of the PIN
	}
	if err != nil {
		a.say.warn("the next run cannot know whether this PIN was refused: %v", err)
	}
}

// sourceFor returns where the PIN comes from: the setting, else the address's
// pin-source (RFC 7512 section 2.4), else the terminal.
func (a *pinAsker) sourceFor(request hsm.PINRequest) (config.PINSource, error) {
	switch {
	case a.source.Kind != "":
		return a.source, nil
	case request.Source != "":
		source, err := config.ParsePINURI(request.Source)
		if err != nil {
			err = fmt.Errorf("%w: %w", errSettings, err)
		}
		return source, err
	}
	return config.PINSource{Kind: config.PINPrompt}, nil
}

// interactive reports whether a person gives the PIN each time, and has seen that
// the last one was refused.
func interactive(source config.PINSource) bool {
	return source.Kind == config.PINPrompt || source.Kind == config.PINPinentry
}

// confirmLastTry asks on the terminal, whatever the PIN's source is: a token that
// says CKF_USER_PIN_FINAL_TRY (PKCS#11 section 3.2) is locked by one wrong PIN more.
// Without a terminal there is no yes, so the answer is no.
func (a *pinAsker) confirmLastTry(ctx context.Context, token string) error {
	terminal, err := openTerminal()
	if err != nil {
		return fmt.Errorf("one more wrong PIN locks token %q, so a person must say yes first: %w", token, err)
	}
	defer terminal.Close()
	defer a.patience.pause()()
	// The token's label is foreign text on a terminal: %q it must be.
	yes, err := terminal.askYes(ctx, fmt.Sprintf("LAST TRY: one more wrong PIN locks token %q.", token))
	if err != nil {
		return err
	}
	if !yes {
		return errNotConfirmed
	}
	return nil
}

// question says for what the PIN is, and what the token tells of its counter.
func question(request hsm.PINRequest) string {
	text := fmt.Sprintf("PIN for token %q", request.Token)
	if request.Key != "" {
		text = fmt.Sprintf("PIN for key %q on token %q (it asks at each signature)", request.Key, request.Token)
	}
	switch request.State {
	case hsm.PINLow:
		text += " (the last PIN was wrong; the token may lock after a few)"
	case hsm.PINFinalTry:
		text += " (LAST TRY)"
	}
	return text
}
