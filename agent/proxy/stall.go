package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// watch calls late when one of many waits takes too long. A gibibyte has a hundred thousand
// waits, and a timer that is set for each wakes threads, so there is one timer, which looks
// when the wait under way has begun.
type watch struct {
	limit time.Duration
	late  func()
	epoch time.Time    // before all waits
	began atomic.Int64 // the wait under way, in nanoseconds since the epoch; 0: there is none

	mu    sync.Mutex  // guards timer
	timer *time.Timer // nil: it is over
}

// newWatch returns a watch, which must be stopped. late is called once at most.
func newWatch(limit time.Duration, late func()) *watch {
	w := &watch{limit: limit, late: late, epoch: time.Now().Add(-1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(limit, w.look)
	return w
}

// begin begins a wait.
func (w *watch) begin() { w.began.Store(int64(time.Since(w.epoch))) }

// end ends the wait.
func (w *watch) end() { w.began.Store(0) }

// look is the timer's.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		return
	}
	left := w.limit
	if began := w.began.Load(); began != 0 {
		left -= time.Since(w.epoch) - time.Duration(began)
	}
	if left > 0 {
		w.timer.Reset(left)
		return
	}
	w.timer = nil
	w.late()
}

// stop ends it all: late is not called any more.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}
