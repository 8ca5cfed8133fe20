package anaplantest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault answers one request in place of the service. It may call real, which is
// what the service would have done. This package's functions that return a Fault
// make the usual ones.
type Fault func(w http.ResponseWriter, r *http.Request, real http.Handler)

// faults is the queue of scripted faults. Its zero value is empty.
type faults struct {
	mu    sync.Mutex
	queue []scripted
}

// scripted is a fault that waits for its requests.
type scripted struct {
	path  string
	times int
	fault Fault
}

// Fault makes fault befall the next times requests whose path is path, or begins
// with it where it ends in a slash ("/" is every request). A method before the path,
// as in "POST /token/refresh", leaves requests of other methods alone. Faults queue
// up: the oldest that fits a request is used first. times below 1 counts as 1.
func (f *faults) Fault(path string, times int, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, scripted{path, max(times, 1), fault})
}

// ClearFaults drops the faults that have not come true.
func (f *faults) ClearFaults() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = nil
}

// take returns the fault for a request; nil if it has none.
func (f *faults) take(method, path string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.queue {
		next := &f.queue[i]
		if !next.fits(method, path) {
			continue
		}
		fault := next.fault
		// The caller runs the fault after the lock is gone: it may hang.
		if next.times--; next.times == 0 {
			f.queue = append(f.queue[:i], f.queue[i+1:]...)
		}
		return fault
	}
	return nil
}

// fits reports whether a request of that method for path meets the fault.
func (n *scripted) fits(method, path string) bool {
	only, want, ok := strings.Cut(n.path, " ")
	if !ok {
		only, want = method, n.path
	}
	return method == only && (path == want || strings.HasSuffix(want, "/") && strings.HasPrefix(path, want))
}

// TooManyRequests answers 429 with that Retry-After: seconds or an HTTP date; ""
// for none.
func TooManyRequests(retryAfter string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		send(w, http.StatusTooManyRequests, "text/plain", "Too many requests\n")
	}
}

// Failing answers with that status and a body that says nothing.
func Failing(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		send(w, status, "text/plain", http.StatusText(status)+"\n")
	}
}

// Unavailable answers 503 with the HTML of a content network whose origin is
// away.
func Unavailable() Fault {
	return page(http.StatusServiceUnavailable, "Service unavailable", "The origin is down for maintenance.")
}

// Blocked answers 403 with the HTML of a firewall that takes the client for an
// attacker.
func Blocked() Fault {
	return page(http.StatusForbidden, "Access denied", "Sorry, you have been blocked.")
}

// NotJSON answers 200 with HTML, as a captive portal or a proxy does.
func NotJSON() Fault {
	return page(http.StatusOK, "Welcome", "Please sign in to the network.")
}

// Answering answers with that status and body, of that content type; "" for no such header.
// It is for what other products say: proxies, portals, gateways.
func Answering(status int, contentType, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header()["Content-Type"] = nil // net/http would guess one
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Redirecting answers with a redirect to that location, as a portal does.
func Redirecting(location string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
	}
}

// page answers with a small HTML page. The Server header is that of the network in
// front of Anaplan (contract section 2.2), by which a client may know whose page it
// is.
func page(status int, title, text string) Fault {
	const form = "<!DOCTYPE html>\n<html><head><title>%TITLE</title></head><body><h1>%TITLE</h1><p>%TEXT</p></body></html>\n"
	html := strings.NewReplacer("%TITLE", title, "%TEXT", text).Replace(form)
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Server", "cloudflare")
		send(w, status, "text/html; charset=UTF-8", html)
	}
}

// send answers with a text.
func send(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// Slow answers as ever, but only after delay, or not at all to a client that has
// given up by then.
func Slow(delay time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		release := make(chan struct{})
		timer := time.AfterFunc(delay, func() { close(release) })
		defer timer.Stop()
		Hang(release)(w, r, real)
	}
}

// Hang answers nothing until the client gives up or release is closed; then the
// service answers as ever. A nil release is never closed.
func Hang(release <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		// net/http notices that a client has gone only once the body is read.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // or net/http answers 200
		}
		select {
		case <-r.Context().Done():
		case <-release:
			r.Body = io.NopCloser(bytes.NewReader(body))
			real.ServeHTTP(w, r)
		}
	}
}

// Cut closes the connection, or over HTTP/2 resets the stream, before a byte of
// the answer. The service has done nothing.
func Cut() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// CutAfter is Cut, but after the service has done its work: the answer is lost.
func CutAfter() Fault {
	return func(_ http.ResponseWriter, r *http.Request, real http.Handler) {
		capture(real, r)
		panic(http.ErrAbortHandler)
	}
}

// CutInside sends half of the real answer and closes the connection.
func CutInside() Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		c := capture(real, r)
		// The length of the whole makes the loss an error: a body without a
		// length would seem to end where the connection does.
		w.Header().Set("Content-Length", strconv.Itoa(c.body.Len()))
		c.body.Truncate(c.body.Len() / 2)
		c.send(w)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Truncated answers with the first half of the real JSON, in a complete HTTP
// answer.
func Truncated() Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		c := capture(real, r)
		c.body.Truncate(c.body.Len() / 2)
		// A file comes with the length of the whole, which would make this a cut.
		c.header.Del("Content-Length")
		c.send(w)
	}
}

// Endless answers 200 with one JSON string that goes on until the client gives
// up or limit bytes are sent.
func Endless(limit int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		send(w, http.StatusOK, "application/json", `{"status":"`)
		// Large enough that a test is not slow, small enough that a client which
		// stops reading stops the server within a few of them.
		chunk := strings.Repeat("A", 32<<10)
		for sent := int64(0); sent < limit; sent += int64(len(chunk)) {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
}

// WithStatus gives the real answer that status, such as 200 in place of 201.
func WithStatus(status int) Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		c := capture(real, r)
		c.status = status
		c.send(w)
	}
}

// WithExtraFields adds fields to the real answer that no client knows yet, among
// them the announced refreshToken (contract section 2.1).
func WithExtraFields() Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		c := capture(real, r)
		var body object
		// From a copy, for what is not JSON, such as a file, is sent as it is.
		decoder := json.NewDecoder(bytes.NewReader(c.body.Bytes()))
		// As float64, expiresAt would come back in another notation.
		decoder.UseNumber()
		if decoder.Decode(&body) == nil {
			addFields(body)
			c.body.Reset()
			json.NewEncoder(&c.body).Encode(body)
		}
		c.send(w)
	}
}

// addFields puts fields where a login has them: beside and inside tokenInfo.
func addFields(body object) {
	body["unheardOf"] = object{"nested": []any{1, "two", nil}}
	body["refreshToken"] = newTokenValue()
	if info, ok := body["tokenInfo"].(map[string]any); ok {
		info["refreshToken"] = newTokenValue()
		info["unheardOf"] = true
	}
}

// RevokeFirst revokes the token that the request brings, before the service
// sees it.
func (s *Service) RevokeFirst() Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		if token, ok := bearer(r); ok {
			s.Revoke(token)
		}
		real.ServeHTTP(w, r)
	}
}

// captured is an answer that has not been sent yet.
type captured struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// capture runs a handler and keeps what it answers.
func capture(h http.Handler, r *http.Request) *captured {
	c := &captured{header: make(http.Header), status: http.StatusOK}
	h.ServeHTTP(c, r)
	return c
}

// Header implements http.ResponseWriter.
func (c *captured) Header() http.Header { return c.header }

// WriteHeader implements http.ResponseWriter.
func (c *captured) WriteHeader(status int) { c.status = status }

// Write implements http.ResponseWriter.
func (c *captured) Write(p []byte) (int, error) { return c.body.Write(p) }

// send passes the answer on, as it is by then.
func (c *captured) send(w http.ResponseWriter) {
	for name, values := range c.header {
		w.Header()[name] = values
	}
	w.WriteHeader(c.status)
	w.Write(c.body.Bytes())
}
