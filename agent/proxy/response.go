package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// flushInterval is how long a piece of an answer may wait here for more; shorter, it costs a long
// download a tenth of its speed. Pieces of answers of unknown length do not wait.
const flushInterval = 50 * time.Millisecond

// modify makes of the service's answer the one for the client.
func (p *Proxy) modify(response *http.Response) error {
	x := response.Request.Context().Value(exchangeKey{}).(*exchange)
	if x.upload.failure() != nil || x.parent.Err() != nil {
		return errEnded // it is about half a request, and end finds out why
	}
	if response.StatusCode < http.StatusOK {
		return &UnreachableError{Host: x.origin.base.Host, Sent: true, Err: fmt.Errorf("it answered with the status %d, which nobody asked for", response.StatusCode)}
	}
	clean(response.Header)
	clean(response.Trailer)
	locations := response.Header["Location"]
	for i, location := range locations {
		locations[i] = p.localize(location, x.origin)
	}
	x.download = newDownload(response, x)
	response.Body = x.download
	return nil
}

// clean removes what the service has no business to say to the client: cookies are the
// agent's, and of the agent's headers only it may make use.
func clean(header http.Header) {
	for name := range header {
		if name == "Set-Cookie" || name == "Set-Cookie2" || strings.HasPrefix(name, ownPrefix) {
			delete(header, name)
		}
	}
}

// localize makes a Location that leads to the service lead here. from is whose it is.
func (p *Proxy) localize(location string, from *origin) string {
	to, err := url.Parse(location)
	if err != nil || to.Opaque != "" || to.Host == "" && from.prefix == "" {
		return location
	}
	whole := from.base.ResolveReference(to)
	for _, origin := range []*origin{p.api, p.audit} {
		if path, ok := origin.local(whole); ok && p.originOf(path) == origin {
			here := url.URL{RawQuery: to.RawQuery, ForceQuery: to.ForceQuery}
			return path + here.String()
		}
	}
	return location
}

// local returns the path here of what is at a URL, if that is of this origin.
func (o *origin) local(whole *url.URL) (string, bool) {
	if !sameOrigin(whole, o.base) {
		return "", false
	}
	rest, ok := strings.CutPrefix(whole.EscapedPath(), o.prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	if strings.HasPrefix(rest, "//") {
		rest = "/." + rest // two slashes would begin a host
	}
	return "/" + strings.TrimPrefix(rest, "/"), true
}

// download is the body of an answer.
type download struct {
	body  io.ReadCloser
	done  func() // called at its end
	whole bool
	stall *stallTimer // of the service
}

func newDownload(response *http.Response, x *exchange) *download {
	late := func() { x.cancel(fmt.Errorf("%w: nothing came for %v", ErrAnswerCut, x.streamIdle)) }
	return &download{body: response.Body, done: func() { clean(response.Trailer) }, stall: newStallTimer(x.streamIdle, late)}
}

// Read implements io.Reader. The time that the client takes does not count.
func (d *download) Read(p []byte) (int, error) {
	d.stall.begin()
	n, err := d.body.Read(p)
	d.stall.end()
	if err == io.EOF {
		d.whole = true
		d.done()
	}
	return n, err
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.stall.stop()
	return d.body.Close()
}

// answer is the ResponseWriter of a call. It has neither Hijack nor Unwrap: nothing but an
// answer ever goes through it.
type answer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	upload  *upload

	status   int // 0: not begun
	received int64
	err      error // of a Write
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.w.Header() }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if status < http.StatusOK {
		a.inform(status)
		return
	}
	a.status = status
	header := a.w.Header()
	if !a.upload.whole.Load() {
		// net/http would read the rest of the body itself, or take it for another request.
		header.Set("Connection", "close")
	}
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // or net/http guesses one
	}
	a.upload.answered()
	a.w.WriteHeader(status)
}

// inform passes on what comes before an answer. A 100 is net/http's own to send, when the
// body is first read; and while it may send that, nothing else can be.
func (a *answer) inform(status int) {
	if status == http.StatusContinue || a.upload.isAwaited() {
		return
	}
	clean(a.w.Header())
	a.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	n, err := a.w.Write(p)
	a.received += int64(n)
	if err != nil {
		a.err = err
	}
	return n, err
}

// FlushError is what http.ResponseController looks for.
func (a *answer) FlushError() error {
	err := a.control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// gone says that the client is, with the cause of the end of its context.
func gone(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrGone, context.Cause(ctx)) }

// bufferSize is that of the pieces in which answers are copied.
const bufferSize = 64 << 10

// buffers is an httputil.BufferPool.
type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buffer[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
