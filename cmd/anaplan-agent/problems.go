package main

// From an error to a problem, the form in which the agent's processes tell each other
// what went wrong, and callers are told. The words are explain's; what is added is
// what the agent shall do: try again by itself, wait for a person, or stop.

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// kind is what an error is to the agent.
type kind struct {
	is    error // matched by errors.Is
	code  agent.Code
	final bool // trying again by itself does no good, or harm
}

// kinds is ordered like advices, causes first. A device that is away or in trouble
// comes back by itself, and so does the network; what a person must put right does not.
var kinds = []kind{
	{errNoAddress, agent.CodeSettings, true},
	{errSettings, agent.CodeSettings, true},
	{owned.ErrExposed, agent.CodeSettings, false}, // once it has been put right, nobody has to say so
	{errCAFile, agent.CodeSettings, true},
	{hsm.ErrNoCgo, agent.CodeSettings, true},
	{piv.ErrNoCgo, agent.CodeSettings, true},
	{errCertificateFile, agent.CodeKeyUnusable, true},

	{pin.ErrLength, agent.CodePINNeeded, true},
	{pin.ErrNotAPIN, agent.CodePINNeeded, true},
	{pin.ErrUnrecorded, agent.CodePINNeeded, true},
	{pin.ErrSource, agent.CodePINNeeded, false},
	{pin.ErrNotConfirmed, agent.CodePINNeeded, false},
	{pin.ErrNeeded, agent.CodePINNeeded, false},
	{hsm.ErrPINNeeded, agent.CodePINNeeded, false},
	{piv.ErrPINNeeded, agent.CodePINNeeded, false},
	{console.ErrNoTerminal, agent.CodePINNeeded, false},

	{piv.ErrNotTouched, agent.CodeTouchNeeded, false},
	{hsm.ErrNoToken, agent.CodeDeviceAbsent, false},
	{piv.ErrNoService, agent.CodeDeviceAbsent, false},
	{piv.ErrNoCard, agent.CodeDeviceAbsent, false},
	{piv.ErrRemoved, agent.CodeDeviceAbsent, false},
	{piv.ErrNotPIV, agent.CodeDeviceAbsent, false},
	{piv.ErrBusy, agent.CodeDeviceFailed, false},
	{piv.ErrDevice, agent.CodeDeviceFailed, false},
	{hsm.ErrModule, agent.CodeDeviceFailed, false},
	{errDeviceInUse, agent.CodeDeviceFailed, false},

	{hsm.ErrNoKey, agent.CodeKeyUnusable, true},
	{hsm.ErrUnusableKey, agent.CodeKeyUnusable, true},
	{hsm.ErrNoCertificate, agent.CodeKeyUnusable, true},
	{hsm.ErrCertificateExpired, agent.CodeKeyUnusable, true},
	{hsm.ErrCertificateNotYetValid, agent.CodeKeyUnusable, false},
	{hsm.ErrCertificateMismatch, agent.CodeKeyUnusable, true},
	{piv.ErrNoKey, agent.CodeKeyUnusable, true},
	{piv.ErrUnusableKey, agent.CodeKeyUnusable, true},
	{piv.ErrNoCertificate, agent.CodeKeyUnusable, true},
	{piv.ErrCertificateExpired, agent.CodeKeyUnusable, true},
	{piv.ErrCertificateNotYetValid, agent.CodeKeyUnusable, false},
	{piv.ErrCertificateMismatch, agent.CodeKeyUnusable, true},
	{hardware.ErrBadSignature, agent.CodeKeyUnusable, true},

	{anaplan.ErrBadCredential, agent.CodeLoginRefused, true},
	{anaplan.ErrBadHeader, agent.CodeServerRefused, true},
	{anaplan.ErrRedirect, agent.CodeServerRefused, false},
	{anaplan.ErrBadRequest, agent.CodeServerRefused, false},
	{anaplan.ErrBlocked, agent.CodeServerRefused, false},
	{anaplan.ErrRefused, agent.CodeServerRefused, false},
	{anaplan.ErrTokenRefused, agent.CodeServerRefused, false},
	{anaplan.ErrRateLimited, agent.CodeRateLimited, false},
	{anaplan.ErrUntrusted, agent.CodeUnreachable, false},
	{anaplan.ErrUnreachable, agent.CodeUnreachable, false},
	{anaplan.ErrUnavailable, agent.CodeUnreachable, false},
	{anaplan.ErrResponse, agent.CodeServerRefused, false},
}

// problemOf returns err as a problem; nil for nil.
func problemOf(err error) *agent.Problem {
	if err == nil {
		return nil
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return problem
	}
	explained := explain(err)
	problem := &agent.Problem{
		Code: agent.CodeInternal, Message: explained.text, Hints: explained.hints, Human: explained.code == exitHuman,
	}
	problem.Code, problem.Final = kindOf(err)
	problem.Attend = problem.Code == agent.CodeTouchNeeded || problem.Code == agent.CodePINNeeded && !problem.Final && !errors.Is(err, pin.ErrSource)
	problem.Wait = waitOf(err)
	if refused, ok := errors.AsType[*pin.RefusedError](err); ok {
		problem.PIN = refused.Prompt
	}
	return problem
}

// problemForAgent is problemOf for what the agent keeps and tells every caller. It adds
// how to make the agent try again where it will not by itself: the words that a command
// without it has for that would go past it.
func problemForAgent(err error) *agent.Problem {
	problem := problemOf(err)
	if problem == nil || !problem.Final {
		return problem
	}
	told := *problem
	told.Hints = slices.DeleteFunc(slices.Clone(told.Hints), func(hint string) bool { return strings.Contains(hint, sameCommand) })
	told.Hints = append(told.Hints, againHint(told.Code))
	return &told
}

// againHint says what to call once a final problem is put right.
func againHint(code agent.Code) string {
	switch code {
	case agent.CodePINRefused:
		return "to type the right PIN on a terminal, or once it is corrected where it comes from: " + program + " unlock; if the one that was sent is right, to send it again: " + program + " unlock --pin-changed"
	case agent.CodePINNeeded:
		return "once that is put right, or to type the PIN on a terminal: " + program + " unlock"
	case agent.CodeSettings:
		return "once that is put right: " + program + " reload"
	}
	return "once that is put right: " + program + " login"
}

// kindOf returns what an error is to the agent. What is not known may pass.
func kindOf(err error) (code agent.Code, final bool) {
	if code := kindOfStruct(err); code != "" {
		return code, true
	}
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.code, k.final && !mayBeLost(err)
		}
	}
	if _, other := errors.AsType[*pin.OtherDeviceError](err); other { // the right one may come back
		return agent.CodeDeviceAbsent, false
	}
	if hsm.Transient(err) || gaveNoClearAnswer(err) {
		return agent.CodeDeviceFailed, false
	}
	return agent.CodeInternal, false
}

// gaveNoClearAnswer reports whether a device gave no clear answer to a PIN, which another time it may.
func gaveNoClearAnswer(err error) bool {
	_, wait := errors.AsType[*pin.WaitError](err)
	_, token := errors.AsType[*hsm.PINUnclearError](err)
	_, card := errors.AsType[*piv.PINUnclearError](err)
	return wait || token || card
}

// kindOfStruct returns the code of errors that carry data, all of which are final; "" for
// others.
func kindOfStruct(err error) agent.Code {
	_, before := errors.AsType[*pin.RefusedError](err)
	_, spent := errors.AsType[*pin.SpentError](err)
	_, doubt := errors.AsType[*pin.DoubtError](err)
	_, tokens := errors.AsType[*hsm.AmbiguousError](err)
	_, cards := errors.AsType[*piv.AmbiguousError](err)
	switch {
	case doubt: // nothing was sent
		return agent.CodePINNeeded
	case before || spent || pin.IsRefusal(err):
		return agent.CodePINRefused
	case tokens || cards:
		return agent.CodeKeyUnusable
	}
	return ""
}

// mayBeLost reports whether a refusal may be that of a login whose first answer got
// lost, of one that got too old on its way, or of a clock that will be set: one more login tells.
func mayBeLost(err error) bool {
	answer, ok := errors.AsType[*anaplan.AnswerError](err)
	_, skewed := errors.AsType[*anaplan.ClockSkewError](err)
	_, stale := errors.AsType[*anaplan.StalePayloadError](err)
	return skewed || stale || ok && answer.Attempts > 1 && errors.Is(err, anaplan.ErrBadCredential)
}

// limitedWait is how long nothing is sent after a 429 that names no time.
const limitedWait = 10 * time.Second

// waitOf returns how long Anaplan asks to be left alone, or a device is; 0: nobody said.
func waitOf(err error) time.Duration {
	if early, ok := errors.AsType[*pin.WaitError](err); ok {
		return early.Wait
	}
	answer, ok := errors.AsType[*anaplan.AnswerError](err)
	switch {
	case ok && answer.RetryAfter > 0:
		return answer.RetryAfter
	case errors.Is(err, anaplan.ErrRateLimited):
		return limitedWait
	}
	return 0
}

// explainProblem returns a problem as the person who called sees it.
func explainProblem(problem *agent.Problem) explanation {
	e := explanation{text: problem.Message, hints: problem.Hints, code: exitFailed}
	switch {
	case problem.Human:
		e.code = exitHuman
	case problem.Code == agent.CodeBadRequest || problem.Code == agent.CodeUnknownProfile || problem.Code == agent.CodeSettings:
		e.code = exitUsage
	}
	return e
}
