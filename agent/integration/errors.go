package integration

import (
	"cmp"
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

	// Page: a web page came in place of Anaplan's answer, as firewalls and portals send it.
	Page bool

	problem *agent.Problem
}

// Error puts words first, codes in parentheses.
func (e *APIError) Error() string {
	text := fmt.Sprintf("%s %s: ", e.Method, e.Path)
	if e.Code != "" {
		return text + "refused by the agent: " + e.Message
	}
	means := meaning(e.Status)
	if e.Page {
		means = pageMeaning
	}
	text += fmt.Sprintf("%s (HTTP %d)", means, e.Status)
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
	case status >= 500:
		return "Anaplan fails"
	}
	return cmp.Or(meanings[status], "Anaplan refuses it")
}

var meanings = map[int]string{
	http.StatusBadRequest:            "Anaplan does not take the request",
	http.StatusUnauthorized:          "Anaplan does not take the token",
	http.StatusForbidden:             "this user may not do that",
	http.StatusNotFound:              "there is no such thing, or this user may not see it",
	http.StatusMethodNotAllowed:      "Anaplan does not do that there",
	http.StatusConflict:              "Anaplan does not allow it there, or the model is busy with something that is in conflict with it",
	http.StatusGone:                  "the request is rerouted, and has to be made again",
	http.StatusUnprocessableEntity:   "the model is archived",
	http.StatusLocked:                "the model is locked",
	http.StatusFailedDependency:      "the model is offline",
	http.StatusTooEarly:              "the model is in deployed mode, which does not take that",
	http.StatusRequestEntityTooLarge: "Anaplan finds it too large",
	http.StatusTooManyRequests:       "too many requests",
}

// pageMessage is in place of a web page's text.
const pageMessage = "a web page came instead of an answer, from a firewall, a proxy or a portal"

// pageMeaning is what a refusal by a web page means: Anaplan and its rights have no part in it.
const pageMeaning = "something between here and Anaplan refuses it"

// isPage reports whether an answer is a web page, which Anaplan's API never sends, and what
// stands in front of it does.
func isPage(response *http.Response) bool {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return media == "text/html" || media == "application/xhtml+xml"
}

// mostRefusal is how much of a refusal is read.
const mostRefusal = 64 << 10

// Refusal returns an answer of Do that is not 2xx as an error, and its text, of which 64 KiB
// are read at most. Where the answer is cut off, the status has to do.
func Refusal(method, path string, response *http.Response) (*APIError, []byte) {
	body, _ := io.ReadAll(io.LimitReader(response.Body, mostRefusal))
	e := &APIError{Method: method, Path: shown(path), Status: response.StatusCode}
	e.RetryAfter, _ = upstream.RetryAfter(response.Header, time.Now())
	message, problem := parseRefusal(body)
	e.Message = clean(message)
	if isPage(response) {
		e.Message, e.Page = pageMessage, true
	}
	if code := agentCode(response.Header); code != "" {
		e.blame(code, problem)
	}
	return e, body
}

// agentCode returns the code of an answer that is the agent's own; "" of Anaplan's.
func agentCode(header http.Header) agent.Code { return agent.Code(clean(header.Get(headerProblem))) }

// blame makes it the agent's error.
func (e *APIError) blame(code agent.Code, problem *agent.Problem) {
	if problem == nil {
		problem = &agent.Problem{Message: e.Message}
	}
	problem.Code = code
	if problem.Message == "" {
		problem.Message = "it does not say why (" + string(code) + ")"
	}
	e.Code, e.Message, e.problem = code, clean(problem.Message), problem
}

// parseRefusal reads {"status":{"code":404,"message":"..."}}, and the forms that other hosts and
// frameworks have: a text beside a status that is not an object. problem is what the agent has
// added. The answer may not be JSON at all.
func parseRefusal(body []byte) (message string, problem *agent.Problem) {
	var fields struct {
		Status        json.RawMessage `json:"status"`
		StatusMessage json.RawMessage `json:"statusMessage"`
		Message       json.RawMessage `json:"message"`
		Problem       *agent.Problem  `json:"problem"`
	}
	if json.Unmarshal(body, &fields) != nil {
		return "", nil
	}
	var status struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(fields.Status, &status)
	message = status.Message
	for _, other := range []json.RawMessage{fields.StatusMessage, fields.Message} {
		if message == "" {
			_ = json.Unmarshal(other, &message)
		}
	}
	return message, fields.Problem
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
	return &lostError{c.method, shown(c.path), err}
}

// unusable is the error of a success that cannot be used.
func (c call) unusable(detail string) error {
	return fmt.Errorf("%s %s: %w: %s", c.method, shown(c.path), ErrResponse, detail)
}

// shown is a path for people: without a query, which a caller may have put there.
func shown(path string) string {
	path, _, _ = strings.Cut(path, "?")
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
