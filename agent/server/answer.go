package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/statusline"
)

// statuses is the HTTP status of each code.
var statuses = map[agent.Code]int{
	agent.CodeBadRequest:     http.StatusBadRequest,
	agent.CodeUnauthorized:   http.StatusUnauthorized,
	agent.CodeNotAllowed:     http.StatusForbidden,
	agent.CodeUnknownProfile: http.StatusNotFound,
	agent.CodePINNeeded:      http.StatusConflict,
	agent.CodePINRefused:     http.StatusConflict,
	agent.CodeTouchNeeded:    http.StatusConflict,
	agent.CodeTooLarge:       http.StatusRequestEntityTooLarge,
	agent.CodeLocked:         http.StatusLocked,
	agent.CodeTooMany:        http.StatusTooManyRequests,
	agent.CodeKeyUnusable:    http.StatusInternalServerError,
	agent.CodeSettings:       http.StatusInternalServerError,
	agent.CodeInternal:       http.StatusInternalServerError,
	agent.CodeLoginRefused:   http.StatusBadGateway,
	agent.CodeServerRefused:  http.StatusBadGateway,
	agent.CodeDeviceAbsent:   http.StatusServiceUnavailable,
	agent.CodeDeviceFailed:   http.StatusServiceUnavailable,
	agent.CodeSignerFailed:   http.StatusServiceUnavailable,
	agent.CodeUnreachable:    http.StatusServiceUnavailable,
	agent.CodeRateLimited:    http.StatusServiceUnavailable,
	agent.CodeTokenFile:      http.StatusServiceUnavailable,
	agent.CodeStopping:       http.StatusServiceUnavailable,
	agent.CodeAuditFailed:    http.StatusInsufficientStorage,
}

// statusGone is what nginx logs for a caller that has not waited for the answer.
const statusGone = 499

func statusOf(code agent.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// Header values, made once. net/http only reads them.
var (
	typeJSON  = []string{"application/json"}
	typeText  = []string{"text/plain; charset=utf-8"}
	typePEM   = []string{"application/x-pem-file"}
	noStore   = []string{"no-store"}
	basicAuth = []string{`Basic realm="anaplan-agent"`}
)

// countedBytes is how long an answer can be for net/http to count it by itself, which is
// cheaper than to tell it.
const countedBytes = 2048

// send answers.
func (c *call) send(status int, contentType []string, body []byte) {
	c.notices.End()
	c.conn.finish()
	c.status = status
	header := c.w.Header()
	header["Content-Type"] = contentType
	header["Cache-Control"] = noStore
	if len(body) > countedBytes {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	c.w.WriteHeader(status)
	c.w.Write(body)
}

// sendJSON answers with a value that encodes without fail.
func (c *call) sendJSON(status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		c.server.config.Logger.Error("an answer cannot be encoded", "error", err)
		status, body = http.StatusInternalServerError, []byte(`{"code":"internal","message":"the answer cannot be encoded"}`)
	}
	c.send(status, typeJSON, append(body, '\n'))
}

// refuse answers with a problem, by its code's status unless the call has one already, and
// in the shape that the caller expects.
func (c *call) refuse(problem *agent.Problem) {
	if problem.Wait > 0 {
		c.w.Header()["Retry-After"] = []string{wholeSeconds(problem.Wait)}
	}
	if c.shape != nil {
		c.w.Header()[local.HeaderProblem] = []string{string(problem.Code)}
		status := cmp.Or(c.status, anaplanStatus(problem))
		if problem.Code == agent.CodeUnauthorized && !c.caller.mutual { // clients that are asked show what they have (RFC 9110 section 11.6.1)
			c.w.Header()["Www-Authenticate"] = basicAuth
		}
		c.conn.refused, c.conn.reason = status, statusline.Reason(status, problem)
		c.sendJSON(status, c.shape(status, problem))
		return
	}
	status := cmp.Or(c.status, statusOf(problem.Code))
	if c.r.Method == http.MethodConnect { // many clients of a proxy show no more of its answer
		c.conn.refused, c.conn.reason = status, statusline.Reason(status, problem)
	}
	c.sendJSON(status, problem)
}

// Bounds of what is read of an upload that has been refused, so that its sender can come to reading
// why: many look at the answer only once all is sent, and see a reset in its place where nobody
// reads on. A sender that pauses for Limits.BodyTime is not waited for.
const (
	refusedBytes = 256 << 20
	refusedTime  = 30 * time.Second
)

// refuseUpload answers before the body has come, and then reads on for a while.
func (c *call) refuseUpload(problem *agent.Problem) {
	control := http.NewResponseController(c.w)
	control.EnableFullDuplex() // or net/http reads the body before it sends the answer
	c.w.Header().Set("Connection", "close")
	c.refuse(problem)
	control.Flush()
	c.conn.begin() // what follows has bounds of its own
	defer c.conn.finish()
	end, piece := time.Now().Add(refusedTime), make([]byte, 32<<10)
	for read := 0; read < refusedBytes && time.Now().Before(end); {
		control.SetReadDeadline(time.Now().Add(c.server.config.Limits.BodyTime))
		n, err := c.r.Body.Read(piece)
		if err != nil {
			return
		}
		read += n
	}
}

// wholeSeconds rounds up, for a caller that comes too early is sent away again.
func wholeSeconds(wait time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10)
}

// buffers are for answers with tokens: made anew for each, they cost a twentieth of all answers.
// They have room for all of one, so that no part of a token stays where a buffer grew, and are
// cleared before they are put back.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, countedBytes)) }}

// sendLease answers with a token, or only with what is to be known about it.
func sendLease(c *call, lease agent.Lease, reveal bool) {
	buffer := buffers.Get().(*[]byte)
	body := appendLease((*buffer)[:0], c.arguments.profile, lease, reveal, time.Now())
	c.send(http.StatusOK, typeJSON, body)
	clear(body)
	*buffer = body
	buffers.Put(buffer)
}

// sendReused answers with a phantom token in the place of a lease's, when that is written down.
func sendReused(c *call, lease agent.Lease) *agent.Problem {
	holder := phantom.Holder{Client: userName(c.caller.peer), Profile: c.arguments.profile, User: c.caller.peer.User()}
	token, err := c.server.reused.Of(c.server.config.Phantoms, holder, lease.Generation, c.arguments.refused != 0)
	if err != nil {
		return agent.Problemf(agent.CodeTooMany, "%v", err)
	}
	if problem := c.write(Record{Action: ActionPhantom, Client: holder.Client, Profile: holder.Profile, Call: described(c)}, nil); problem != nil {
		return problem
	}
	lease.Token = agent.Token{Value: token.Value, ID: token.ID, RefreshID: token.RefreshID, ExpiresAt: token.ExpiresAt}
	sendLease(c, lease, true)
	return nil
}

// appendLease writes the JSON of a lease by hand, for most answers are that. There is
// nothing but the profile without a token.
func appendLease(b []byte, profile string, lease agent.Lease, reveal bool, now time.Time) []byte {
	b = appendText(append(b, `{"profile":`...), profile)
	if lease.Generation != 0 {
		if reveal {
			b = appendSecret(append(b, `,"token":`...), lease.Token.Value)
		}
		b = lease.Token.ExpiresAt.UTC().AppendFormat(append(b, `,"expires_at":"`...), time.RFC3339)
		b = strconv.AppendInt(append(b, `","expires_in":`...), max(int64(lease.Token.ExpiresAt.Sub(now)/time.Second), 0), 10)
		b = strconv.AppendUint(append(b, `,"generation":`...), lease.Generation, 10)
		b = appendText(append(b, `,"token_id":`...), lease.Token.ID)
	}
	return append(b, "}\n"...)
}

// appendText writes a JSON string. What needs no escape is copied.
func appendText(b []byte, text string) []byte {
	if isPlain(text) {
		return append(append(append(b, '"'), text...), '"')
	}
	encoded, _ := json.Marshal(text) // of a string: no error
	return append(b, encoded...)
}

// appendSecret writes a secret as a JSON string. No token so far needs an escape.
func appendSecret(b []byte, secret agent.Secret) []byte {
	from := len(b)
	b = secret.Append(append(b, '"'))
	if isPlain(b[from+1:]) {
		return append(b, '"')
	}
	return appendText(b[:from], string(b[from+1:]))
}

// isPlain reports whether a text is as it is in JSON.
func isPlain[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// tooMany is the problem of a caller with too many connections.
func tooMany() *agent.Problem {
	return &agent.Problem{
		Code:    agent.CodeTooMany,
		Message: "there are too many connections to the agent",
		Hints:   []string{"close some, or use one for several requests"},
		Wait:    time.Second,
	}
}

// cannedTooMany is the answer for a caller that is not even asked for a request.
func cannedTooMany() []byte {
	body, _ := json.Marshal(tooMany())
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"+
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
