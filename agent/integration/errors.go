package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// ErrResponse means a success that cannot be used.
var ErrResponse = errors.New("the answer cannot be used")

// headerProblem is in answers that are the agent's own, not Anaplan's.
const headerProblem = "Anaplan-Agent-Problem"

// APIError is an answer that is not what was asked for.
type APIError struct {
	// Method and Path are the request's, without the query.
	Method, Path string

	// Status is the HTTP status.
	Status int

	// Code is the agent's code, if the local agent has refused the call and Anaplan knows
	// nothing of it. The error then wraps the [*agent.Problem], with its hints. "": Anaplan's,
	// or something's in between.
	Code agent.Code

	// Message is Anaplan's text, or the agent's, in one printable line; "" if there is none.
	// Do not branch on it.
	Message string

	// RetryAfter is how long to leave it alone; 0 if nobody has said.
	RetryAfter time.Duration

	problem *agent.Problem
}

// Error puts words first, codes in parentheses.
func (e *APIError) Error() string {
	text := fmt.Sprintf("%s %s: ", e.Method, e.Path)
	if e.Code != "" {
		return text + "refused by the agent: " + e.Message
	}
	text += fmt.Sprintf("%s (HTTP %d)", meaning(e.Status), e.Status)
	if e.Message != "" {
		text += fmt.Sprintf(": %q", e.Message)
	}
	if e.RetryAfter > 0 {
		text += fmt.Sprintf("; it asks to wait %v", e.RetryAfter)
	}
	return text
}

// Unwrap returns the agent's Problem; nil if the error is not the agent's.
func (e *APIError) Unwrap() error {
	if e.problem == nil {
		return nil
	}
	return e.problem
}

// meaning says what a status means at this API (help.anaplan.com, "Troubleshooting API usage", and
// for a model's state "Model busy behavior and retry strategy"; of 409 the first says that the
// model is busy, the second that the call is not allowed).
func meaning(status int) string {
	switch {
	case status/100 == 3:
		return "the answer points elsewhere, where nothing is sent; is the API URL right?"
	case status == http.StatusBadRequest:
		return "Anaplan does not take the request"
	case status == http.StatusUnauthorized:
		return "Anaplan does not take the token"
	case status == http.StatusForbidden:
		return "this user may not do that"
	case status == http.StatusNotFound:
		return "there is no such thing, or this user may not see it"
	case status == http.StatusMethodNotAllowed:
		return "Anaplan does not do that there"
	case status == http.StatusConflict:
		return "Anaplan does not allow it there, or the model is busy with something that is in conflict with it"
	case status == http.StatusGone:
		return "the request is rerouted, and has to be made again"
	case status == http.StatusUnprocessableEntity:
		return "the model is archived"
	case status == http.StatusLocked:
		return "the model is locked"
	case status == http.StatusFailedDependency:
		return "the model is offline"
	case status == http.StatusTooEarly:
		return "the model is in deployed mode, which does not take that"
	case status == http.StatusRequestEntityTooLarge:
		return "Anaplan finds it too large"
	case status == http.StatusTooManyRequests:
		return "too many requests"
	case status >= 500:
		return "Anaplan fails"
	}
	return "Anaplan refuses it"
}

// pageMessage is in place of a web page's text.
const pageMessage = "a web page came instead of an answer, from a firewall, a proxy or a portal"

// isPage reports whether an answer is a web page, which Anaplan's API never sends, and what
// stands in front of it does.
func isPage(response *http.Response) bool {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return media == "text/html" || media == "application/xhtml+xml"
}

// mostRefusal is how much of a refusal is read.
const mostRefusal = 64 << 10

// refusal reads the error of an answer that is not 2xx. Where the answer is cut off, the
// status has to do.
func refusal(call call, response *http.Response) *APIError {
	body, _ := io.ReadAll(io.LimitReader(response.Body, mostRefusal))
	return newAPIError(call, response, body)
}

func newAPIError(call call, response *http.Response, body []byte) *APIError {
	e := &APIError{Method: call.method, Path: call.shown(), Status: response.StatusCode}
	e.RetryAfter, _ = upstream.RetryAfter(response.Header, time.Now())
	said := parseRefusal(body)
	e.Message = clean(said.message)
	if isPage(response) {
		e.Message = pageMessage
	}
	if code := response.Header.Get(headerProblem); code != "" {
		e.blame(clean(code), said.problem)
	}
	return e
}

// blame makes it the agent's error.
func (e *APIError) blame(code string, problem *agent.Problem) {
	if problem == nil {
		problem = &agent.Problem{Message: e.Message}
	}
	problem.Code = agent.Code(code)
	if problem.Message == "" {
		problem.Message = "it does not say why (" + code + ")"
	}
	e.Code, e.Message, e.problem = problem.Code, clean(problem.Message), problem
}

// refused is what a refusal says: Anaplan's text, and what the agent has added.
type refused struct {
	message string
	problem *agent.Problem
}

// parseRefusal reads {"status":{"code":404,"message":"..."}}, and the forms that other hosts and
// frameworks have: a text beside a status that is not an object. The answer may not be JSON at all.
func parseRefusal(body []byte) refused {
	var fields struct {
		Status        json.RawMessage `json:"status"`
		StatusMessage json.RawMessage `json:"statusMessage"`
		Message       json.RawMessage `json:"message"`
		Problem       *agent.Problem  `json:"problem"`
	}
	if json.Unmarshal(body, &fields) != nil {
		return refused{}
	}
	var status struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(fields.Status, &status)
	said := refused{status.Message, fields.Problem}
	for _, other := range []json.RawMessage{fields.StatusMessage, fields.Message} {
		if said.message == "" {
			_ = json.Unmarshal(other, &said.message)
		}
	}
	return said
}

// lostError is a request to which no answer came, or not the whole of it.
type lostError struct {
	method, path string
	err          error
}

// IsLost reports whether an error is that no answer came, or not the whole of it: what became of
// the call is not known.
func IsLost(err error) bool {
	_, ok := errors.AsType[*lostError](err)
	return ok
}

func (e *lostError) Error() string {
	return fmt.Sprintf("%s %s: the connection failed: %s", e.method, e.path, clean(e.err.Error()))
}

// Unwrap returns the cause.
func (e *lostError) Unwrap() error { return e.err }

// broken is the error of a call without an answer. The frame that net/http puts around it
// goes: it repeats the address.
func (c call) broken(err error) error {
	if framed, ok := errors.AsType[*url.Error](err); ok {
		err = framed.Err
	}
	return &lostError{c.method, c.shown(), err}
}

// unusable is the error of a success that cannot be used.
func (c call) unusable(detail string) error {
	return fmt.Errorf("%s %s: %w: %s", c.method, c.shown(), ErrResponse, detail)
}

// shown is the path for people: without a query, which a caller may have put there.
func (c call) shown() string {
	path, _, _ := strings.Cut(c.path, "?")
	return clean(path)
}

// Bounds of foreign text in errors.
const (
	mostText  = 300 // runes
	mostToken = 40  // bytes in a row that look like a token; ids have 36 at most
)

// clean makes foreign text fit for people: one line, bounded, and nothing in it that could
// be a token that somebody echoes.
func clean(text string) string {
	// Bounded before the work, and well above the final bound. Half a word at the end could
	// be half a token.
	if most := 8 * mostText; len(text) > most {
		text = text[:most]
		text = text[:strings.LastIndexFunc(text, unicode.IsSpace)+1]
	}
	return printable.Cut(redact(printable.Line(text)), mostText)
}

// line makes a text of the caller's own one line for a terminal.
func line(text string) string { return printable.Cut(printable.Line(text), mostText) }

// redact replaces what looks like a token: Anaplan's are some 500 characters of base64 and
// dots, the agent's some 50.
func redact(text string) string {
	var out strings.Builder
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return !isTokenRune(r) })
		switch {
		case n < 0:
			n = len(text)
		case n == 0:
			out.WriteByte(text[0])
			text = text[1:]
			continue
		}
		if word := text[:n]; n > mostToken && !isPath(word) {
			out.WriteString("[redacted]")
		} else {
			out.WriteString(word)
		}
		text = text[n:]
	}
	return out.String()
}

// isPath reports whether a word is the path of a file or a request, and not base64.
func isPath(word string) bool {
	if !strings.HasPrefix(word, "/") || strings.ContainsAny(word, "+=") {
		return false
	}
	for segment := range strings.SplitSeq(word, "/") {
		if len(segment) > mostToken {
			return false
		}
	}
	return true
}

func isTokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+/=._-~", r)
}
