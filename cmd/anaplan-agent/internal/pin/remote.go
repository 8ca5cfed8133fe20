package pin

// The PIN in a signer process. The person who knows it sits at another program: one that asked the
// agent for a token, and may have passed the PIN along. So nothing is asked here: the question for
// the person is the error.

import (
	"bytes"
	"context"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// Remote is what a person elsewhere has said already.
type Remote struct {
	Profile  string // of the agent, for which a PIN may have been typed
	PIN      []byte // typed; nil: none
	Device   string // for which it was typed; "": whichever wants it
	LastTry  bool   // the last try may be spent on it
	Attended bool   // somebody waits, at a desk perhaps
}

// askAway returns the PIN that a person has typed, or what to ask for as a *agent.Problem. A
// window that asks (pinentry) is opened if somebody waits; it is this machine's own.
func (a *Asker) askAway(ctx context.Context, source config.PINSource, request Request, u use) (hardware.PIN, error) {
	if request.pinPad {
		return hardware.PIN{Guard: a.pauseWhile}, a.Remote.askPad(request, a.Say)
	}
	pin, err := a.Remote.ask(source, request, func() ([]byte, error) { return a.read(ctx, source, request) })
	if err != nil {
		return hardware.PIN{}, err
	}
	u.typed, u.source, u.owner, u.labelled = true, typedSource(a.Remote.Profile), "", ""
	u.name = noteName(u.device, u.source)
	u.mark = a.Book.markOf(u, pin)
	if a.Remote.isTyped(request) {
		if err := a.judgeTyped(u, request); err != nil {
			clear(pin)
			return hardware.PIN{}, err
		}
	}
	return a.guarded(pin, u), nil
}

// judgeTyped returns what to ask a person for, if the PIN that was typed is spent; or how long
// to wait with it.
func (a *Asker) judgeTyped(u use, request Request) error {
	u.fresh = false // it was typed anew if nothing is known of it
	err := a.Book.judge(&u)
	if _, spent := err.(*RefusedError); spent {
		return needed(request.prompt(), "%s wants its PIN: the one that was typed was sent, and not taken", request.device)
	}
	return err
}

// pauseWhile stops the time while the PIN is typed on the device: the module does not tell
// when that is done.
func (a *Asker) pauseWhile(_ hardware.Secret, send func() error) error {
	defer a.Pause()()
	return send()
}

// askPad returns why the PIN cannot be typed on the device; nil if it can.
func (p *Remote) askPad(request Request, say Messages) error {
	if !p.Attended || request.lastTry != "" {
		return needed(nil, "%s wants its PIN on its own keypad", request.device)
	}
	say.Note("enter the PIN of %s on the keypad of the device", request.device)
	return nil
}

// isTyped reports whether a person has typed the PIN for that device.
func (p *Remote) isTyped(request Request) bool {
	return p.PIN != nil && (p.Device == "" || p.Device == request.identity())
}

// ask returns the PIN that a person has typed, or types now in the window.
func (p *Remote) ask(source config.PINSource, request Request, window func() ([]byte, error)) ([]byte, error) {
	typed := p.isTyped(request)
	switch {
	case request.lastTry != "" && !(p.LastTry && typed):
		return nil, needed(request.prompt(), "one more wrong PIN %s, so a person must say yes first", request.lastTry)
	case typed:
		pin, err := judged(bytes.Clone(p.PIN), config.PINSource{Kind: config.PINPrompt}, request)
		if err != nil {
			clear(pin)
			return nil, needed(request.prompt(), "%s wants its PIN: %v", request.device, err)
		}
		return pin, nil
	case source.Kind == config.PINPinentry && p.Attended:
		return window()
	}
	return nil, needed(request.prompt(), "%s wants its PIN, and the agent has none", request.device)
}

// prompt is what to ask a person.
func (r Request) prompt() *agent.PINPrompt {
	return &agent.PINPrompt{Device: r.identity(), Question: r.question, LastTry: r.lastTry}
}

// needed says that a PIN is needed. prompt is nil where typing one would not help.
func needed(prompt *agent.PINPrompt, format string, args ...any) *agent.Problem {
	problem := agent.Problemf(agent.CodePINNeeded, format, args...)
	problem.Human, problem.Attend, problem.PIN = true, true, prompt
	problem.Hints = []string{
		build.Program + " unlock asks for the PIN on a terminal, and the agent keeps it in memory",
		"or say in the profile where it is: pin = \"file:PATH\", " + remedy.Here().PINStores() + " or command:PROGRAM",
	}
	return problem
}
