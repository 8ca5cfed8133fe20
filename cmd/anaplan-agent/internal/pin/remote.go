package pin

// The PIN in a signer process. The person who knows it sits at another program: one that
// asked the agent for a token, and may have given the PIN with that. So nothing is asked
// here: what a person would have to be asked is the error.

import (
	"bytes"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// Remote is what a person elsewhere has said already.
type Remote struct {
	PIN      []byte // typed; nil: none
	Device   string // for which it was typed; "": whichever wants it
	LastTry  bool   // the last try may be spent on it
	Attended bool   // somebody waits, at a desk perhaps
}

// ask returns the PIN that a person has typed, or what to ask for as a *agent.Problem. A
// window that asks (pinentry) is opened if somebody waits; it is this machine's own.
func (p *Remote) ask(source config.PINSource, request Request, window func() ([]byte, error)) ([]byte, error) {
	prompt := &agent.PINPrompt{Device: request.identity(), Question: request.question, LastTry: request.lastTry}
	typed := p.PIN != nil && (p.Device == "" || p.Device == request.identity())
	switch {
	case request.pinPad && p.Attended && request.lastTry == "":
		return nil, nil
	case request.pinPad:
		return nil, pinProblem(nil, "%s wants its PIN on its own keypad", request.device)
	case request.lastTry != "" && !(p.LastTry && typed):
		return nil, pinProblem(prompt, "one more wrong PIN %s, so a person must say yes first", request.lastTry)
	case typed:
		return bytes.Clone(p.PIN), nil // it is overwritten by whom it is given to
	case source.Kind == config.PINPinentry && p.Attended:
		return window()
	}
	return nil, pinProblem(prompt, "%s wants its PIN, and the agent has none", request.device)
}

// pinProblem says that a PIN is needed. prompt is nil where typing one would not help.
func pinProblem(prompt *agent.PINPrompt, format string, args ...any) *agent.Problem {
	problem := agent.Problemf(agent.CodePINNeeded, format, args...)
	problem.Human, problem.Attend, problem.PIN = true, true, prompt
	problem.Hints = []string{
		build.Program + " unlock asks for the PIN on a terminal, and the agent keeps it in memory",
		"or say in the profile where it is: pin = \"file:PATH\", credential:NAME or command:PROGRAM",
	}
	return problem
}
