package agentclient

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// Unlock lifts a lock and has the agent log in. changed says that the PIN that was refused is
// right. Otherwise the person may type one in place of a PIN that is not sent again.
func (a *Session) Unlock(changed bool) (token local.Token, err error) {
	call := func(secret []byte, word local.UnlockOptions) (err error) {
		word.PINChanged = changed && secret == nil
		token, err = a.Client.UnlockWith(a.Ctx, a.Profile, secret, word, a.notify)
		return err
	}
	err = a.withPIN(call)
	problem, ok := errors.AsType[*agent.Problem](err)
	if ok && problem.Code == agent.CodePINRefused && problem.PIN != nil && !changed {
		a.say.Note("%s", problem.Message)
		err = a.withTyped(problem, call)
	}
	return token, atTerminal(err)
}

// atTerminal replaces a hint to call unlock, where unlock itself failed for want of a terminal.
func atTerminal(err error) error {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodePINNeeded {
		return err
	}
	told := *problem
	told.Hints = slices.Clone(problem.Hints)
	for i, hint := range told.Hints {
		if strings.HasPrefix(hint, build.Program+" unlock") {
			told.Hints[i] = "run it on a terminal: it asks for the PIN there"
		}
	}
	return &told
}

// withPIN calls the agent, without a PIN. Where that says that it needs one the person at
// this terminal is asked for it, once, and it is called with it.
func (a *Session) withPIN(call func(secret []byte, word local.UnlockOptions) error) error {
	err := a.InTime(call(nil, local.UnlockOptions{}))
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodePINNeeded || problem.PIN == nil {
		return err
	}
	return a.withTyped(problem, call)
}

// withTyped calls the agent with a PIN that the person at this terminal types, or returns the
// problem if there is none.
func (a *Session) withTyped(problem *agent.Problem, call func(secret []byte, word local.UnlockOptions) error) error {
	secret, err := a.askPIN(problem.PIN)
	switch {
	case errors.Is(err, console.ErrNoTerminal):
		return problem // it says what else can be done
	case err != nil:
		return err
	}
	defer clear(secret)
	return a.InTime(call(secret, local.UnlockOptions{LastTry: problem.PIN.LastTry != ""}))
}

// askPIN asks the person at this terminal.
func (a *Session) askPIN(prompt *agent.PINPrompt) ([]byte, error) {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	defer a.deadline.Pause()()
	if prompt.LastTry != "" {
		if err := pin.ConfirmLastTry(a.Ctx, terminal, prompt.LastTry); err != nil {
			return nil, err
		}
	}
	return AskPIN(a.Ctx, terminal, prompt.Question)
}

// AskPIN asks on the terminal, and returns what can be a PIN.
func AskPIN(ctx context.Context, terminal *console.Terminal, question string) ([]byte, error) {
	text, err := terminal.AskSecret(ctx, question)
	if err != nil {
		return nil, err
	}
	typed, err := pin.Judge(text, pin.Place(config.PINSource{Kind: config.PINPrompt}))
	if err != nil {
		clear(text)
	}
	return typed, err
}
