package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// stallTimer calls late when one of many waits takes too long. A gibibyte has a hundred thousand
// waits, and a timer that is set for each wakes threads, so there is one timer, which looks
// when the wait under way has begun.
type stallTimer struct {
	limit time.Duration
	late  func()
	epoch time.Time    // before all waits
	began atomic.Int64 // the wait under way, in nanoseconds since the epoch; 0: there is none

	mu    sync.Mutex  // guards timer
	timer *time.Timer // nil: it is over
}

// newStallTimer returns one, which must be stopped. late is called once at most.
func newStallTimer(limit time.Duration, late func()) *stallTimer {
	s := &stallTimer{limit: limit, late: late, epoch: time.Now().Add(-1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(limit, s.look)
	return s
}

// begin begins a wait.
func (s *stallTimer) begin() { s.began.Store(int64(time.Since(s.epoch))) }

// end ends the wait.
func (s *stallTimer) end() { s.began.Store(0) }

// look is the timer's.
func (s *stallTimer) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil {
		return
	}
	left := s.limit
	if began := s.began.Load(); began != 0 {
		left -= time.Since(s.epoch) - time.Duration(began)
	}
	if left > 0 {
		s.timer.Reset(left)
		return
	}
	s.timer = nil
	s.late()
}

// stop ends it all: late is not called any more.
func (s *stallTimer) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
