package main

import (
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// Nobody is asked in a signer process: what a person would be asked is the error, and what
// a person has said elsewhere is used.
func TestAwayPerson(t *testing.T) {
	prompt, pinentry := config.PINSource{Kind: config.PINPrompt}, config.PINSource{Kind: config.PINPinentry}
	plain := pinRequest{question: "PIN for token \"demo\""}
	last := pinRequest{question: "PIN (LAST TRY)", lastTry: "locks it"}
	pad := pinRequest{pinPad: true}
	for name, test := range map[string]struct {
		person  awayPerson
		source  config.PINSource
		request pinRequest
		want    string           // the PIN; "" with no prompt: an error without one
		prompt  *agent.PINPrompt // what is to be asked
	}{
		"typed":                            {awayPerson{pin: []byte("1234")}, prompt, plain, "1234", nil},
		"typed, though a file is named":    {awayPerson{pin: []byte("1234")}, config.PINSource{Kind: config.PINFile}, plain, "1234", nil},
		"typed for it":                     {awayPerson{pin: []byte("1234"), device: plain.identity()}, prompt, plain, "1234", nil},
		"typed for another":                {awayPerson{pin: []byte("1234"), device: "token \"other\""}, prompt, plain, "", &agent.PINPrompt{Device: plain.identity(), Question: plain.question}},
		"not typed":                        {awayPerson{attended: true}, prompt, plain, "", &agent.PINPrompt{Device: plain.identity(), Question: plain.question}},
		"window":                           {awayPerson{attended: true}, pinentry, plain, "from the window", nil},
		"window, nobody there":             {awayPerson{}, pinentry, plain, "", &agent.PINPrompt{Device: plain.identity(), Question: plain.question}},
		"last try, not said":               {awayPerson{pin: []byte("1234")}, prompt, last, "", &agent.PINPrompt{Device: last.identity(), Question: last.question, LastTry: last.lastTry}},
		"last try, said":                   {awayPerson{pin: []byte("1234"), lastTry: true}, prompt, last, "1234", nil},
		"last try, said of no PIN":         {awayPerson{lastTry: true}, prompt, last, "", &agent.PINPrompt{Device: last.identity(), Question: last.question, LastTry: last.lastTry}},
		"keypad":                           {awayPerson{attended: true}, prompt, pad, "", nil},
		"keypad, nobody there":             {awayPerson{}, prompt, pad, "no prompt", nil},
		"keypad, the last try and no word": {awayPerson{attended: true}, prompt, pinRequest{pinPad: true, lastTry: "locks it"}, "no prompt", nil},
	} {
		pin, err := test.person.ask(test.source, test.request, func() ([]byte, error) { return []byte("from the window"), nil })
		problem, _ := errors.AsType[*agent.Problem](err)
		switch {
		case test.prompt != nil:
			if problem == nil || problem.PIN == nil || *problem.PIN != *test.prompt || problem.Code != agent.CodePINNeeded {
				t.Errorf("%s: got %q, %+v", name, pin, problem)
			}
		case test.want == "no prompt":
			if problem == nil || problem.PIN != nil {
				t.Errorf("%s: got %q, %+v", name, pin, problem)
			}
		case err != nil || string(pin) != test.want:
			t.Errorf("%s: got %q, %v", name, pin, err)
		}
	}
}
