package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// errStalled: nothing has moved on a connection, in either direction, for too long.
var errStalled = errors.New("nothing was heard for too long")

// patient is how long an attempt may go without a byte in either direction.
const patient = 2 * time.Minute

// watch ends an attempt on which nothing moves. A limit to the whole of an attempt would
// have to fit both a page of JSON and 50 MB on a slow line.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	body   *sentBody    // nil: none is sent
	last   atomic.Int64 // when something moved last, in nanoseconds of Unix
	why    atomic.Value // a string: what is said to hold the call
}

func newWatch(ctx context.Context) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{ctx: ctx, cancel: cancel}
	w.last.Store(time.Now().UnixNano())
	w.timer = time.AfterFunc(patient, func() {
		cancel(fmt.Errorf("%w (%v)", errStalled, patient))
	})
	return ctx, w
}

// attach gives a request its headers and its body, from the beginning.
func (w *watch) attach(request *http.Request, call call) error {
	maps.Copy(request.Header, call.header)
	if call.body == nil || call.size == 0 {
		return nil
	}
	seeker, repeated := call.body.(io.Seeker)
	if repeated {
		if _, err := seeker.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading what is to be sent: %w", err)
		}
	}
	w.body = &sentBody{source: call.body, watch: w, shared: repeated}
	request.Body, request.ContentLength = w.body, call.size
	return nil
}

// moved notes that something has come or gone.
func (w *watch) moved() {
	w.last.Store(time.Now().UnixNano())
	w.timer.Reset(patient)
}

// explain returns the cause, if the watch is why an attempt failed.
func (w *watch) explain(err error) error {
	cause := context.Cause(w.ctx)
	if !errors.Is(cause, errStalled) {
		return err
	}
	if why, ok := w.why.Load().(string); ok {
		return &heldError{why, cause}
	}
	return cause
}

// heldError says what has held a call for too long.
type heldError struct {
	why string
	err error
}

func (e *heldError) Error() string { return e.err.Error() + ": " + e.why }

// Unwrap returns how that showed.
func (e *heldError) Unwrap() error { return e.err }

const (
	// heldAfter is how long nothing moves before somebody asks why. A person waits that long
	// without a word.
	heldAfter = 5 * time.Second

	// heldAgain is how long that is believed.
	heldAgain = 30 * time.Second
)

// askWhy asks from time to time why there is no answer, until answered is called.
func (w *watch) askWhy(client *Client, path string) (answered func()) {
	if client.Held == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(w.ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		for backoff.Sleep(ctx, w.untilHeld()) == nil {
			if w.untilHeld() > 0 {
				continue
			}
			if why := client.Held(ctx, path); why != "" && ctx.Err() == nil {
				if w.why.Swap(why) == nil {
					client.tell("%s; waiting for it", why)
				}
			}
			if backoff.Sleep(ctx, heldAgain) != nil {
				return
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
	}
}

// untilHeld returns how long nothing may move yet.
func (w *watch) untilHeld() time.Duration {
	return max(0, heldAfter-time.Since(time.Unix(0, w.last.Load())))
}

// end ends the attempt. Nothing of its body is read any more afterwards.
func (w *watch) end() {
	w.body.detach()
	w.timer.Stop()
	w.cancel(nil)
}

// sentBody is the body of a request. net/http may read it for a while after the answer has
// come; what it reads from may belong to the next attempt by then.
type sentBody struct {
	watch  *watch
	shared bool // with other attempts
	mu     sync.Mutex
	source io.Reader // nil: taken away
}

// Read implements io.Reader.
func (b *sentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.source == nil {
		return 0, errors.New("the attempt is over")
	}
	// How long the source takes is not the connection's fault.
	b.watch.timer.Stop()
	n, err := b.source.Read(p)
	b.watch.moved()
	if err != nil && err != io.EOF {
		err = &readError{err}
	}
	return n, err
}

// Close implements io.Closer.
func (b *sentBody) Close() error { return nil }

// detach takes the source away. One that no other attempt will use is left alone: it may
// be a pipe on which a read waits.
func (b *sentBody) detach() {
	if b == nil || !b.shared {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = nil
}

// readError is a failure of what is to be sent, which no other attempt mends.
type readError struct{ err error }

func (e *readError) Error() string { return "reading what is to be sent: " + e.err.Error() }

// Unwrap returns the cause.
func (e *readError) Unwrap() error { return e.err }

// watchedBody is the body of an answer. Its end is the end of the attempt.
type watchedBody struct {
	io.ReadCloser
	watch *watch
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.watch.moved()
	}
	if err != nil && err != io.EOF {
		err = b.watch.explain(err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.end()
	return err
}
