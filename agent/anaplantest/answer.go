package anaplantest

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
)

// endpoint answers one kind of request.
type endpoint func(r *http.Request) answer

// answer is what an endpoint answers.
type answer struct {
	status     int
	body       any           // sent as JSON; nil: no body
	content    io.ReadSeeker // sent as it is, in place of a body
	retryAfter string        // the header Retry-After; "": none
	reason     string        // for the log: why it was refused

	contentType string // of content; "": that of files
}

// ServeHTTP implements http.Handler.
func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := e(r)
	// Under a fault that captures the answer there is no record, and the fault
	// itself is what the log tells.
	if seen, ok := w.(*record); ok {
		seen.reason = a.reason
	}
	if a.retryAfter != "" {
		w.Header().Set("Retry-After", a.retryAfter)
	}
	if a.content != nil {
		w.Header().Set("Content-Type", cmp.Or(a.contentType, "application/octet-stream"))
		sendContent(w, r, a.content)
		return
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	json.NewEncoder(w).Encode(a.body)
}

// record is a ResponseWriter that remembers what the log wants to know.
type record struct {
	http.ResponseWriter
	status int // 0: the connection was cut before an answer
	reason string
	fault  bool
}

// WriteHeader implements http.ResponseWriter.
func (r *record) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the writer underneath.
func (r *record) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Codes of the authentication host (contract section 2.2).
const (
	codeSuccess       = "SUCCESS"
	codeBadCredential = "FAILURE_BAD_CREDENTIAL"
	codeBadHeader     = "FAILURE_BAD_HEADER"
	codeBadRequest    = "FAILURE_BAD_REQUEST"
)

// authStatus is how the authentication host words an answer: the integration
// host has an object where this has a string.
type authStatus struct {
	Status        string `json:"status"`
	StatusMessage string `json:"statusMessage"`
}

// authFailure is a failure of the authentication host. The texts are ours:
// Anaplan documents none, and clients must not match on them.
// The reason goes to the log and never onto the wire, where it would make clients
// work that Anaplan leaves in the dark.
func authFailure(status int, code, reason string) answer {
	text := map[string]string{
		codeBadCredential: "Invalid credentials. Verify the credentials.",
		codeBadHeader:     "Invalid header. Verify the header.",
		codeBadRequest:    "Invalid request. Verify the request.",
	}[code]
	return answer{status: status, body: authStatus{code, text}, reason: reason}
}
