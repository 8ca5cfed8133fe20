package anaplantest

import (
	"maps"
	"sync"
)

// Counts is what the service has seen so far.
type Counts struct {
	// Requests by method and path as the routes are written, such as
	// "POST /token/authenticate" or "GET /2/0/users/me"; "/" for all others.
	// Requests that met a fault are among them.
	Requests map[string]int `json:"requests"`

	Logins    int `json:"logins"` // accepted
	Refreshes int `json:"refreshes"`
	Logouts   int `json:"logouts"`
	Tasks     int `json:"tasks"`     // started, of imports, exports, actions and processes
	Throttled int `json:"throttled"` // 429 from the request bucket
	Faults    int `json:"faults"`    // scripted faults that came true

	// Refused logins by reason.
	Refused map[Reason]int `json:"refused"`

	// LastRefusal is why the last refused login was refused, in words; "" if
	// none was.
	LastRefusal string `json:"lastRefusal"`
}

// tally keeps the Counts. Its zero value has counted nothing.
type tally struct {
	mu     sync.Mutex
	counts Counts
}

// Counts returns a copy of the counters.
func (s *Service) Counts() Counts {
	s.tally.mu.Lock()
	defer s.tally.mu.Unlock()
	counts := s.tally.counts
	counts.Requests = maps.Clone(counts.Requests)
	counts.Refused = maps.Clone(counts.Refused)
	return counts
}

// request counts a request under its route, before it is answered.
func (t *tally) request(pattern string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.Requests == nil {
		t.counts.Requests = make(map[string]int)
	}
	t.counts.Requests[pattern]++
}

// refuse counts a login that failed.
func (t *tally) refuse(f *refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts.Refused == nil {
		t.counts.Refused = make(map[Reason]int)
	}
	t.counts.Refused[f.reason]++
	t.counts.LastRefusal = f.String()
}

// The counters without a reason.
func (t *tally) login()    { t.add(&t.counts.Logins) }
func (t *tally) refresh()  { t.add(&t.counts.Refreshes) }
func (t *tally) logout()   { t.add(&t.counts.Logouts) }
func (t *tally) task()     { t.add(&t.counts.Tasks) }
func (t *tally) throttle() { t.add(&t.counts.Throttled) }
func (t *tally) fault()    { t.add(&t.counts.Faults) }

// add counts one. The counter is addressed before the lock is taken, and read and
// written under it.
func (t *tally) add(counter *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*counter++
}
