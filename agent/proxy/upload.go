package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// linger is how long a client may take to stop sending a body that nobody wants, so that it
// sees its answer and not a broken connection.
const linger = 500 * time.Millisecond

// errEnded is for a transport that reads on after its call.
var errEnded = errors.New("the call has ended")

// upload is the body that a client sends. It gives up clients that stall while they are
// waited for, and services that stall while they are.
type upload struct {
	ctx      context.Context
	body     io.ReadCloser
	control  *http.ResponseController
	length   int64         // -1: unknown
	expected bool          // the client waits for a 100
	idle     time.Duration // how long the client may take for a piece
	step     time.Duration // a deadline is set no more often
	taking   time.Duration // how long the service may take for a piece
	stalled  func()        // it has not
	sent     atomic.Int64
	whole    atomic.Bool // all of it has been read
	arrived  atomic.Bool // the first read has come back

	mu          sync.Mutex  // guards what follows
	stall       *stallTimer // of the service; nil: nothing has been read yet
	detach      func() bool // from the end of ctx
	deadline    time.Time   // of reads
	unsupported bool        // there are no deadlines
	reading     bool        // a read is under way, and ends at its deadline
	quiet       *sync.Cond  // it has ended
	begun       bool        // the answer
	ended       bool        // the call
	err         error
}

// newUpload returns the body of a request; of one without, one that is whole.
func newUpload(control *http.ResponseController, r *http.Request, idle, taking time.Duration, stalled func()) *upload {
	u := &upload{
		ctx: r.Context(), body: r.Body, control: control, length: r.ContentLength,
		expected: r.Header.Get("Expect") != "", idle: idle, step: min(time.Second, idle/4),
		taking: taking, stalled: stalled,
	}
	u.quiet = sync.NewCond(&u.mu)
	u.whole.Store(r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0)
	return u
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	deadlines, err := u.start()
	if err != nil {
		return 0, err
	}
	read := u.body.Read
	if !deadlines {
		read = u.readBeside
	}
	n, err := read(p)
	u.arrived.Store(true)
	if u.sent.Add(int64(n)) == u.length || err == io.EOF {
		u.whole.Store(true)
	}
	return n, u.finish(err)
}

// Close implements io.Closer. It is net/http's to close the body.
func (u *upload) Close() error { return nil }

// start begins the time for one read, and reports whether that has a deadline.
func (u *upload) start() (deadlines bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.err != nil:
		return false, u.err
	case u.ended:
		return false, errEnded
	case u.stall == nil:
		u.stall = newStallTimer(u.taking, u.stalled)
		u.detach = context.AfterFunc(u.ctx, u.interrupt)
	}
	u.stall.end()
	if now := time.Now(); !u.unsupported && u.deadline.Sub(now) < u.idle {
		u.deadline = now.Add(u.idle + u.step)
		u.unsupported = u.control.SetReadDeadline(u.deadline) != nil
	}
	u.reading = !u.unsupported
	return u.reading, nil
}

// finish ends that time, and begins the service's.
func (u *upload) finish(err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reading = false
	u.quiet.Broadcast()
	switch {
	case err == io.EOF:
		if !u.ended && !u.unsupported {
			// What net/http reads next waits for the client's next request, for as long as the
			// answer takes.
			u.control.SetReadDeadline(time.Time{})
		}
		return err
	case err != nil:
		return u.fail(err)
	case !u.begun && !u.ended:
		u.stall.begin()
	}
	return nil
}

// fail says what it means that a read has failed.
func (u *upload) fail(err error) error {
	timeout, ok := errors.AsType[net.Error](err)
	late := ok && timeout.Timeout()
	switch {
	case errors.Is(err, ErrSlowBody), late && !time.Now().Before(u.deadline):
		u.err = ErrSlowBody
	case errors.Is(err, errEnded), late && u.ctx.Err() != nil: // by interrupt
		return context.Cause(u.ctx)
	default:
		u.err = fmt.Errorf("%w: %w", ErrBodyCut, err)
	}
	return u.err
}

// interrupt ends a read when the call has ended: http.Transport waits for it.
func (u *upload) interrupt() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.ended && !u.whole.Load() {
		u.control.SetReadDeadline(time.Unix(1, 0))
	}
}

// readBeside reads where there are no deadlines. What it gives up goes on until the
// connection ends.
func (u *upload) readBeside(p []byte) (int, error) {
	type piece struct {
		data []byte
		err  error
	}
	pieces := make(chan piece, 1)
	go func() {
		data := make([]byte, len(p))
		n, err := u.body.Read(data)
		pieces <- piece{data[:n], err}
	}()
	timer := time.NewTimer(u.idle)
	defer timer.Stop()
	select {
	case piece := <-pieces:
		return copy(p, piece.data), piece.err
	case <-timer.C:
		return 0, ErrSlowBody
	case <-u.ctx.Done():
		return 0, errEnded
	}
}

// isAwaited reports whether net/http may yet send a 100.
func (u *upload) isAwaited() bool {
	return u.expected && !u.arrived.Load() && !u.whole.Load()
}

// answered says that there is an answer: the service may take no more of the body.
func (u *upload) answered() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.begun = true
	if u.stall != nil {
		u.stall.stop()
	}
}

// end ends the call, and waits for a read that is under way: net/http would abort it when
// the handler has returned, and then wait without a deadline for the rest of the body.
func (u *upload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	if u.stall != nil {
		u.stall.stop()
		u.detach()
	}
	if u.whole.Load() {
		return
	}
	u.control.SetReadDeadline(time.Now().Add(linger))
	for u.reading {
		u.quiet.Wait()
	}
	u.control.SetReadDeadline(time.Now().Add(linger))
}

// failure returns what is wrong with the body; nil: nothing, or nobody has seen it.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}
