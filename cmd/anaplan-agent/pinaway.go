package main

// The PIN in a signer process. The person who knows it sits at another program: one that
// asked the agent for a token, and may have given the PIN with that. So nothing is asked
// here: what a person would have to be asked is the error.

import (
	"bytes"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// awayPerson is what a person elsewhere has said already.
type awayPerson struct {
	pin      []byte // typed; nil: none
	device   string // for which it was typed; "": whichever wants it
	lastTry  bool   // the last try may be spent on it
	attended bool   // somebody waits, at a desk perhaps
}

// ask returns the PIN that a person has typed, or what to ask for as a *agent.Problem. A
// window that asks (pinentry) is opened if somebody waits; it is this machine's own.
func (p *awayPerson) ask(source config.PINSource, request pinRequest, window func() ([]byte, error)) ([]byte, error) {
	prompt := &agent.PINPrompt{Device: request.identity(), Question: request.question, LastTry: request.lastTry}
	typed := p.pin != nil && (p.device == "" || p.device == request.identity())
	switch {
	case request.pinPad && p.attended && request.lastTry == "":
		return nil, nil
	case request.pinPad:
		return nil, pinProblem(nil, "%s wants its PIN on its own keypad", request.device)
	case request.lastTry != "" && !(p.lastTry && typed):
		return nil, pinProblem(prompt, "one more wrong PIN %s, so a person must say yes first", request.lastTry)
	case typed:
		return bytes.Clone(p.pin), nil // it is overwritten by whom it is given to
	case source.Kind == config.PINPinentry && p.attended:
		return window()
	}
	return nil, pinProblem(prompt, "%s wants its PIN, and the agent has none", request.device)
}

// pinProblem says that a PIN is needed. prompt is nil where typing one would not help.
func pinProblem(prompt *agent.PINPrompt, format string, args ...any) *agent.Problem {
	problem := agent.Problemf(agent.CodePINNeeded, format, args...)
	problem.Human, problem.Attend, problem.PIN = true, true, prompt
	problem.Hints = []string{
		program + " unlock asks for the PIN on a terminal, and the agent keeps it in memory",
		"or say in the profile where it is: pin = \"file:PATH\", credential:NAME or command:PROGRAM",
	}
	return problem
}
