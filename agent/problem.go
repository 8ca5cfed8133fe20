package agent

import (
	"errors"
	"fmt"
	"time"
)

// Code is the kind of a Problem, for programs to branch on. The list is fixed: it is part
// of the local API.
type Code string

// Codes of what stands between a profile and its token.
const (
	CodePINNeeded     Code = "pin_needed"     // the key wants a PIN, and the agent has none to give
	CodePINRefused    Code = "pin_refused"    // the device did not take the PIN, or takes none any more
	CodeTouchNeeded   Code = "touch_needed"   // the card waited for a touch, or would have to
	CodeDeviceAbsent  Code = "device_absent"  // the token, card or its service is not there
	CodeDeviceFailed  Code = "device_failed"  // it is there and does not work, or is in use
	CodeKeyUnusable   Code = "key_unusable"   // the key, its certificate or its address is wrong
	CodeSignerFailed  Code = "signer_failed"  // the signer process crashed, hung, or made no sense
	CodeLoginRefused  Code = "login_refused"  // Anaplan does not take the certificate or the login
	CodeServerRefused Code = "server_refused" // Anaplan, or something before it, refuses for another reason
	CodeUnreachable   Code = "unreachable"    // Anaplan cannot be reached, or fails
	CodeRateLimited   Code = "rate_limited"   // Anaplan asks for patience
	CodeSettings      Code = "settings"       // the profile's settings are wrong
	CodeLocked        Code = "locked"         // somebody has locked the profile
	CodeTokenFile     Code = "token_file"     // there is a token, and its file cannot be as it is
	CodeStopping      Code = "stopping"       // the agent is about to end
	CodeInternal      Code = "internal"       // a mistake of this program
)

// IsOfKey reports whether a problem is of a key, its device or its settings on the machine that has it:
// nothing was called, and another machine with a key of its own may do better.
func (c Code) IsOfKey() bool {
	switch c {
	case CodePINNeeded, CodePINRefused, CodeTouchNeeded, CodeDeviceAbsent, CodeDeviceFailed, CodeKeyUnusable, CodeSignerFailed, CodeLoginRefused, CodeSettings, CodeLocked:
		return true
	}
	return false
}

// Codes of what stands between a caller and a profile.
const (
	CodeUnknownProfile Code = "unknown_profile" // there is no such profile
	CodeNotAllowed     Code = "not_allowed"     // the caller may not use it
	CodeUnauthorized   Code = "unauthorized"    // the caller does not show who it is, or not rightly
	CodeBadRequest     Code = "bad_request"     // the request makes no sense
	CodeTooLarge       Code = "too_large"       // it is too large
	CodeTooMany        Code = "too_many"        // the caller has too many connections or requests
	CodeAuditFailed    Code = "audit_failed"    // it cannot be written down, so it is not done
)

// Problem is an error in the form in which it travels: from the signer process to the
// agent, and from there to the caller. Its texts are for people and hold no secret.
type Problem struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Hints   []string `json:"hints,omitempty"` // things to do, commands to type

	// Human: a person must act before this gets better.
	Human bool `json:"human,omitempty"`

	// Attend: a person must be there while it is tried, to touch or to type something.
	Attend bool `json:"attend,omitempty"`

	// Final: trying again by itself does no good, or harm, as with a refused PIN. Nothing
	// is tried before a person has said so.
	Final bool `json:"final,omitempty"`

	// Wait is how long nothing shall be tried; 0: nobody said. In JSON it is wait_seconds.
	Wait time.Duration `json:"-"`

	// PIN is what to ask a person, with CodePINNeeded; nil: a PIN would not help.
	PIN *PINPrompt `json:"pin,omitempty"`
}

// PINPrompt says what to ask a person for.
type PINPrompt struct {
	// Device tells the devices that may want a PIN apart: one is not to be given another's.
	Device string `json:"device,omitempty"`

	Question string `json:"question"`           // "PIN for YubiKey 12345678 (3 tries left)"
	LastTry  string `json:"last_try,omitempty"` // what one wrong PIN more does; "": there are more tries
}

func (p *Problem) Error() string { return p.Message }

// waiting returns the problem with another time in which nothing shall be tried.
func (p *Problem) waiting(wait time.Duration) *Problem {
	if wait == p.Wait {
		return p
	}
	copied := *p
	copied.Wait = wait
	return &copied
}

// ProblemOf returns err as a Problem: the one that it wraps, else one of CodeInternal.
// nil for nil.
func ProblemOf(err error) *Problem {
	if err == nil {
		return nil
	}
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem
	}
	return &Problem{Code: CodeInternal, Message: err.Error()}
}

// Problemf returns a Problem of a code and a message.
func Problemf(code Code, format string, args ...any) *Problem {
	return &Problem{Code: code, Message: fmt.Sprintf(format, args...)}
}
