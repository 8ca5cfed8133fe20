package proxy

import (
	"sync"
	"time"
)

// stallTimer calls late when one of many waits takes too long.
type stallTimer struct {
	limit time.Duration
	late  func()
	timer *time.Timer

	mu   sync.Mutex
	over bool // late was called, or is not wanted any more
}

// newStallTimer returns one, which must be stopped. late is called once at most.
func newStallTimer(limit time.Duration, late func()) *stallTimer {
	s := &stallTimer{limit: limit, late: late}
	s.timer = time.AfterFunc(limit, s.fire)
	s.timer.Stop()
	return s
}

func (s *stallTimer) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over = true
		s.late()
	}
}

// begin begins a wait.
func (s *stallTimer) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.timer.Reset(s.limit)
	}
}

// end ends the wait.
func (s *stallTimer) end() { s.timer.Stop() }

// stop ends it all: late is not called any more.
func (s *stallTimer) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}
