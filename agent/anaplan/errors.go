package anaplan

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors to branch on with errors.Is. What came back is in the *AnswerError, or
// the *ConnectionError where nothing did.
//
// ErrBadCredential, ErrBadHeader and ErrTokenRefused are the service's own word, in the form that
// its refusals have: sending the same again does not help. All others may come from something
// between here and the service, and may pass.
var (
	// ErrBadCredential: the service does not take the certificate, the signature
	// or the message. The certificate may be unregistered, disabled or expired.
	ErrBadCredential = errors.New("the certificate or the signed login was refused")
	// ErrBadHeader: the service cannot read the Authorization header of a login;
	// another header form may help.
	ErrBadHeader = errors.New("the form of the Authorization header was refused")
	// ErrBadRequest: the service cannot read the request.
	ErrBadRequest = errors.New("the request was not understood")
	// ErrTokenRefused: refresh, validate or logout was asked for a token that has
	// expired, is revoked, or never was.
	ErrTokenRefused = errors.New("the token was refused: it has expired, was revoked, or is of another region")
	// ErrRefused: the service refuses for another reason, such as the tenant's
	// list of allowed addresses, or something before it refuses.
	ErrRefused = errors.New("the request was refused")
	// ErrRateLimited: too many requests; AnswerError.RetryAfter may say when again.
	ErrRateLimited = errors.New("too many requests")
	// ErrUnavailable: the service fails, or connections to it break.
	ErrUnavailable = errors.New("the service is unavailable")
	// ErrBlocked: a web page came instead of an answer, from a firewall or a portal.
	ErrBlocked = errors.New("something between here and the service answered with a web page; is this address blocked?")
	// ErrRedirect: the answer points elsewhere, where credentials are not sent.
	ErrRedirect = errors.New("the answer is a redirect, which is not followed; is the auth URL right?")
	// ErrResponse: a success that cannot be used.
	ErrResponse = errors.New("the answer cannot be used")
	// ErrUntrusted: TLS gives no proof that this is the service.
	ErrUntrusted = errors.New("no trusted TLS connection")
	// ErrUnreachable: no connection can be made.
	ErrUnreachable = errors.New("the service cannot be reached")
)

// AnswerError is an answer of the service that is not what was asked for.
type AnswerError struct {
	// Kind is the sentinel that the error matches.
	Kind error
	// Host is the service that answered, or that something in between answered for.
	Host string
	// Status is the HTTP status.
	Status int
	// Code is the service's own, FAILURE_..., or "".
	Code string
	// Message is the service's text for people, shortened and without our
	// secrets; "" if there is none. Do not branch on it.
	Message string
	// Detail is what this side has to add; "" for nothing.
	Detail string
	// RetryAfter is how long the service asks to be left alone; 0 if it does not.
	RetryAfter time.Duration
	// Attempts is how often the request was sent, this time included. A login
	// refused at a later attempt may have been taken at an earlier one whose
	// answer was lost; only a fresh login can tell.
	Attempts int
}

// Error puts words first, codes in parentheses.
func (e *AnswerError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %v", e.Host, e.Kind)
	if e.Detail != "" {
		fmt.Fprintf(&text, ": %s", e.Detail)
	}
	fmt.Fprintf(&text, " (HTTP %d", e.Status)
	if e.Code != "" {
		fmt.Fprintf(&text, ", %s", e.Code)
	}
	text.WriteString(")")
	if e.Message != "" {
		fmt.Fprintf(&text, ": %q", e.Message)
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&text, "; it asks to wait %v", e.RetryAfter.Round(time.Second))
	}
	return text.String()
}

// Unwrap returns Kind.
func (e *AnswerError) Unwrap() error { return e.Kind }

// ConnectionError is a request that got no answer. It matches ErrUntrusted,
// ErrUnreachable or ErrUnavailable.
type ConnectionError struct {
	// Kind is the sentinel that the error matches.
	Kind error
	// Host is the service that the request was for.
	Host string
	// Reason is what went wrong, in words.
	Reason string
	// Issuer is the issuer of the certificate that is not trusted; "" if it is not about one. The
	// name of a company's own proxy here explains a lot.
	Issuer string
	// Attempts is how often the request was sent, this time included.
	Attempts int

	// final: sending again would end the same way.
	final bool
}

func (e *ConnectionError) Error() string {
	text := fmt.Sprintf("%s: %v: %s", e.Host, e.Kind, e.Reason)
	if e.Issuer != "" {
		text += fmt.Sprintf(" (issuer %q)", e.Issuer)
	}
	return text
}

// Unwrap returns Kind, and not the cause: what net/http says may quote the
// server, and the server us.
func (e *ConnectionError) Unwrap() error { return e.Kind }

// ClockSkewError is a refused v2 login that this machine's clock explains: the
// time in the message is wrong by the service's clock. It matches
// ErrBadCredential.
type ClockSkewError struct {
	AnswerError
	// Skew is this machine's clock less the service's: positive if it is ahead.
	Skew time.Duration
}

func (e *ClockSkewError) Error() string {
	direction := "ahead of"
	if e.Skew < 0 {
		direction = "behind"
	}
	return fmt.Sprintf("this machine's clock is %v %s the service's, so the time in the login is wrong: %s",
		e.Skew.Abs().Round(time.Second), direction, e.AnswerError.Error())
}

// Unwrap returns the answer and ErrBadCredential: a login of a wrong time is one,
// whatever code the service found for it.
func (e *ClockSkewError) Unwrap() []error { return []error{&e.AnswerError, ErrBadCredential} }

// StalePayloadError is a refused v2 login that was made too long ago, or by a
// machine whose clock is ahead. It matches ErrBadCredential.
type StalePayloadError struct {
	AnswerError
	// Age is the service's time less the time in the message: negative if the
	// message is from the future.
	Age time.Duration
}

func (e *StalePayloadError) Error() string {
	age := e.Age.Abs().Round(time.Second)
	if e.Age < 0 {
		return fmt.Sprintf("the payload is dated %v ahead of the service's clock; is the clock right where it was signed? %s",
			age, e.AnswerError.Error())
	}
	return fmt.Sprintf("the payload was made %v ago; sign a fresh one: %s", age, e.AnswerError.Error())
}

// Unwrap returns the answer and ErrBadCredential.
func (e *StalePayloadError) Unwrap() []error { return []error{&e.AnswerError, ErrBadCredential} }
