package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// Each row is given for its error, and not hidden by one above it.
func TestKinds(t *testing.T) {
	for _, k := range kinds {
		got := problemOf(fmt.Errorf("signing: %w", k.is))
		if got.Code != k.code || got.Final != k.final {
			t.Errorf("%v: %s, final %v; want %s, %v", k.is, got.Code, got.Final, k.code, k.final)
		}
		if want := "signing: " + k.is.Error(); got.Message != want {
			t.Errorf("%v became %q", k.is, got.Message)
		}
	}
}

// What people get advice on the agent knows what to do about, too: an error that it does
// not know is tried again for ever. The others are of commands that the agent does not do.
func TestKindsAreComplete(t *testing.T) {
	others := []error{
		errStdout, errNoSigner, errTokenSource, pin.ErrCancelled, errManagementKeySource, piv.ErrManagementKey, hsm.ErrKeyExists,
		piv.ErrKeyExists, piv.ErrUnsupported, anaplan.ErrPayload, errNoAgent,
		errUnderWay, errOtherKey, errOnlyCA, errOtherUser,
	}
	for _, a := range advices {
		code, _ := kindOf(a.is)
		for _, other := range others {
			if errors.Is(a.is, other) {
				code = agent.CodeBadRequest
			}
		}
		if code == agent.CodeInternal && !strings.Contains(a.is.Error(), "agent") && !strings.Contains(a.is.Error(), "context") {
			t.Errorf("%v is of no kind", a.is)
		}
	}
}

func TestProblemOf(t *testing.T) {
	refusal := func(kind error, attempts int, wait time.Duration) error {
		return &anaplan.AnswerError{Kind: kind, Attempts: attempts, RetryAfter: wait}
	}
	skew := &anaplan.ClockSkewError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential, Attempts: 1}}
	stale := &anaplan.StalePayloadError{AnswerError: anaplan.AnswerError{Kind: anaplan.ErrBadCredential, Attempts: 1}}
	for name, test := range map[string]struct {
		err   error
		code  agent.Code
		human bool
		final bool
		wait  time.Duration
	}{
		"refused by a token":               {&hsm.PINError{}, agent.CodePINRefused, true, true, 0},
		"refused by a card":                {&piv.PINError{Tries: 2}, agent.CodePINRefused, true, true, 0},
		"refused before":                   {&pin.RefusedError{}, agent.CodePINRefused, true, true, 0},
		"no clear answer, and not again":   {&pin.SpentError{Err: errors.New("CKR_DEVICE_ERROR")}, agent.CodePINRefused, true, true, 0},
		"no clear answer, and again":       {&pin.WaitError{Wait: 4 * time.Second}, agent.CodeDeviceFailed, false, false, 4 * time.Second},
		"no clear answer to a typed PIN":   {&hsm.PINUnclearError{Err: errors.New("CKR_USER_TYPE_INVALID")}, agent.CodeDeviceFailed, false, false, 0},
		"a card pulled at the PIN":         {&piv.PINUnclearError{Err: piv.ErrRemoved}, agent.CodeDeviceAbsent, true, false, 0},
		"the PIN of another card":          {&pin.OtherDeviceError{}, agent.CodeDeviceAbsent, true, false, 0},
		"a note that cannot be read":       {&pin.DoubtError{Err: errors.New("permission denied")}, agent.CodePINNeeded, true, true, 0},
		"two lines in the PIN file":        {&pin.MistakeError{}, agent.CodePINNeeded, true, true, 0},
		"nothing can be written down":      {pin.ErrUnrecorded, agent.CodePINNeeded, true, true, 0},
		"two tokens":                       {&hsm.AmbiguousError{What: "tokens"}, agent.CodeKeyUnusable, false, true, 0},
		"two cards":                        {&piv.AmbiguousError{What: "cards"}, agent.CodeKeyUnusable, false, true, 0},
		"no terminal":                      {fmt.Errorf("%w: %w", pin.ErrNeeded, console.ErrNoTerminal), agent.CodePINNeeded, true, false, 0},
		"not registered":                   {refusal(anaplan.ErrBadCredential, 1, 0), agent.CodeLoginRefused, true, true, 0},
		"refused after an answer was lost": {refusal(anaplan.ErrBadCredential, 2, 0), agent.CodeLoginRefused, true, false, 0},
		"a wrong clock":                    {skew, agent.CodeLoginRefused, true, false, 0},
		"a login that got too old":         {stale, agent.CodeLoginRefused, false, false, 0},
		"another header form is wanted":    {refusal(anaplan.ErrBadHeader, 1, 0), agent.CodeServerRefused, false, true, 0},
		"a web page":                       {refusal(anaplan.ErrBlocked, 1, 0), agent.CodeServerRefused, false, false, 0},
		"a redirect":                       {refusal(anaplan.ErrRedirect, 1, 0), agent.CodeServerRefused, false, false, 0},
		"a request that is not understood": {refusal(anaplan.ErrBadRequest, 1, 0), agent.CodeServerRefused, false, false, 0},
		"an answer of no use":              {refusal(anaplan.ErrResponse, 1, 0), agent.CodeServerRefused, false, false, 0},
		"patience":                         {refusal(anaplan.ErrRateLimited, 4, 7*time.Second), agent.CodeRateLimited, false, false, 7 * time.Second},
		"patience without a time":          {refusal(anaplan.ErrRateLimited, 4, 0), agent.CodeRateLimited, false, false, limitedWait},
		"maintenance with a time":          {refusal(anaplan.ErrUnavailable, 4, time.Minute), agent.CodeUnreachable, false, false, time.Minute},
		"unknown":                          {errors.New("disk full"), agent.CodeInternal, false, false, 0},
		"a problem already":                {fmt.Errorf("x: %w", &agent.Problem{Code: agent.CodeLocked, Human: true}), agent.CodeLocked, true, false, 0},
	} {
		got := problemOf(test.err)
		if got.Code != test.code || got.Human != test.human || got.Final != test.final || got.Wait != test.wait {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if problemOf(nil) != nil {
		t.Error("no error is a problem")
	}
}

// A problem that comes from the agent ends a command as the error itself would.
func TestExplainProblem(t *testing.T) {
	for code, problem := range map[int]*agent.Problem{
		exitHuman:  {Code: agent.CodePINRefused, Human: true},
		exitUsage:  {Code: agent.CodeUnknownProfile},
		exitFailed: {Code: agent.CodeUnreachable},
	} {
		problem.Message, problem.Hints = "words", []string{"do this"}
		got := explain(fmt.Errorf("asking: %w", problem))
		if got.code != code || got.text != "words" || len(got.hints) != 1 {
			t.Errorf("%s: got %+v, want exit code %d", problem.Code, got, code)
		}
	}
}
