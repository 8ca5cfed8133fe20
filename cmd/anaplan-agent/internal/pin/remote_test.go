package pin

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
	plain := Request{question: "PIN for token \"demo\""}
	last := Request{question: "PIN (LAST TRY)", lastTry: "locks it"}
	for name, test := range map[string]struct {
		person  Remote
		source  config.PINSource
		request Request
		want    string           // the PIN; "" with no prompt: an error without one
		prompt  *agent.PINPrompt // what is to be asked
	}{
		"typed":                         {Remote{PIN: []byte("1234")}, prompt, plain, "1234", nil},
		"typed, though a file is named": {Remote{PIN: []byte("1234")}, config.PINSource{Kind: config.PINFile}, plain, "1234", nil},
		"typed for it":                  {Remote{PIN: []byte("1234"), Device: plain.identity()}, prompt, plain, "1234", nil},
		"typed for another":             {Remote{PIN: []byte("1234"), Device: "token \"other\""}, prompt, plain, "", &agent.PINPrompt{Device: plain.identity(), Question: plain.question}},
		"not typed":                     {Remote{Attended: true}, prompt, plain, "", &agent.PINPrompt{Device: plain.identity(), Question: plain.question}},
		"window":                        {Remote{Attended: true}, pinentry, plain, "from the window", nil},
		"window, nobody there":          {Remote{}, pinentry, plain, "", &agent.PINPrompt{Device: plain.identity(), Question: plain.question}},
		"last try, not said":            {Remote{PIN: []byte("1234")}, prompt, last, "", &agent.PINPrompt{Device: last.identity(), Question: last.question, LastTry: last.lastTry}},
		"last try, said":                {Remote{PIN: []byte("1234"), LastTry: true}, prompt, last, "1234", nil},
		"last try, said of no PIN":      {Remote{LastTry: true}, prompt, last, "", &agent.PINPrompt{Device: last.identity(), Question: last.question, LastTry: last.lastTry}},
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

// A PIN that was typed for another device leaves this one its own.
func TestTypedForAnother(t *testing.T) {
	t.Setenv("DEMO_PIN", "4321")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	a := r.process()
	a.Remote = &Remote{PIN: []byte("1234"), Device: "token \"other\""}
	a.wantSent(t, nil, "4321")
}

// A PIN is typed on the device only if somebody is there, and the last try only elsewhere.
func TestAwayFromKeypad(t *testing.T) {
	for name, test := range map[string]struct {
		person  Remote
		request Request
		typed   bool
	}{
		"somebody waits":            {Remote{Attended: true}, Request{pinPad: true}, true},
		"nobody there":              {Remote{}, Request{pinPad: true}, false},
		"the last try, and no word": {Remote{Attended: true}, Request{pinPad: true, lastTry: "locks it"}, false},
	} {
		err := test.person.askPad(test.request, new(said))
		if problem, _ := errors.AsType[*agent.Problem](err); (err == nil) != test.typed || err != nil && problem.PIN != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
