package anaplantest

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ModelState is how a model is when it does not work as ever. Anaplan lets most requests wait while
// a model is busy, and answers others with a status that says what is the matter (help.anaplan.com,
// "Model busy behavior and retry strategy"). The request for the model itself, and for its status,
// are answered as ever.
type ModelState struct {
	// Answer is what all other requests get: 409 not now, 410 rerouted, 422 archived, 423 locked,
	// 424 offline, 425 in deployed mode. 0: they wait until the state ends.
	Answer int

	// The state ends after For, after that many Requests have been answered so, or after its status
	// was looked at for so many Looks, whichever is first; with none of them, when another is set.
	For             time.Duration
	Requests, Looks int

	// What the model's status tells: of which step, in which words, how far (0 to 1), and the task
	// that keeps it busy. "": "Processing", none, none.
	Step, Tooltip, TaskID string
	Progress              float64

	since time.Time
	until time.Time     // zero: For does not end it
	over  chan struct{} // closed at the end
}

// SetModelState puts the model of that name into a state, in place of the one that it has. nil, or
// the zero value: it works as ever.
func (t *tenant) SetModelState(name string, state *ModelState) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.all() {
		if m.name == name {
			m.endState()
			m.state = state.begun(t.options.Now())
			return nil
		}
	}
	return fmt.Errorf("%w: model %q", ErrNoSuchThing, name)
}

// begun is a copy of the state that has begun; nil for one that is none.
func (s *ModelState) begun(now time.Time) *ModelState {
	if s == nil || *s == (ModelState{}) {
		return nil
	}
	b := *s
	b.since, b.over = now, make(chan struct{})
	if b.For > 0 {
		b.until = now.Add(b.For)
	}
	return &b
}

// endState lets what waits go on.
func (m *model) endState() {
	if m.state != nil {
		close(m.state.over)
	}
	m.state = nil
}

// current is the state that the model is in at now; nil if it works.
func (m *model) current(now time.Time) *ModelState {
	if s := m.state; s != nil && !s.until.IsZero() && !now.Before(s.until) {
		m.endState()
	}
	return m.state
}

// attend holds a request until its model works, or answers it in the model's place.
func (s *Service) attend(ctx context.Context, m *model) *answer {
	for {
		state, a := s.tenant.meet(m)
		if state == nil || a != nil {
			return a
		}
		if !state.wait(ctx) {
			panic(http.ErrAbortHandler) // the client has gone
		}
	}
}

// meet is one request that meets the state of a model.
func (t *tenant) meet(m *model) (*ModelState, *answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := m.current(t.options.Now())
	if s == nil || s.Answer == 0 {
		return s, nil
	}
	a := apiFailure(s.Answer, "the state of the model that a test has set")
	if s.Requests--; s.Requests == 0 {
		m.endState()
	}
	return s, &a
}

// wait waits for the state's end; false if the context ended first.
func (s *ModelState) wait(ctx context.Context) bool {
	var timer <-chan time.Time
	if s.For > 0 {
		timer = time.After(s.For)
	}
	select {
	case <-ctx.Done():
		return false
	case <-s.over:
	case <-timer:
	}
	return true
}

// modelStatus is POST .../status (help.anaplan.com, "Check model status").
func modelStatus(c *call) answer {
	o := object{
		"peakMemoryUsageEstimate": nil, "peakMemoryUsageTime": nil, "progress": -1, "currentStep": "Open",
		"tooltip": nil, "exportTaskType": nil, "creationTime": c.now.UnixMilli(), "taskId": nil,
	}
	if s := c.model.current(c.tenant.options.Now()); s != nil {
		s.tell(o)
		if s.Looks--; s.Looks == 0 {
			c.model.endState()
		}
	} else if k := c.model.atWork(); k != nil {
		o["currentStep"], o["progress"], o["taskId"], o["creationTime"] = "Processing", k.progress(), k.id, k.created
	}
	return apiSuccess(c.Request, "objects/requestStatus", "requestStatus", o)
}

// tell puts what keeps the model busy into its status.
func (s *ModelState) tell(o object) {
	o["currentStep"], o["progress"], o["creationTime"] = "Processing", s.Progress, s.since.UnixMilli()
	for name, text := range map[string]string{"currentStep": s.Step, "tooltip": s.Tooltip, "taskId": s.TaskID} {
		if text != "" {
			o[name] = text
		}
	}
}

// atWork is the oldest task that has begun and not ended; nil if there is none.
func (m *model) atWork() *task {
	for _, k := range m.tasks {
		if k.state == inProgress || k.state == cancelling {
			return k
		}
	}
	return nil
}

// activeState is how lists tell of the model (contract section 6).
func (m *model) activeState(now time.Time) string {
	if s := m.current(now); s != nil {
		states := map[int]string{422: "ARCHIVED", 423: "LOCKED", 424: "MAINTENANCE", 425: "PRODUCTION"}
		if state, ok := states[s.Answer]; ok {
			return state
		}
	}
	return "UNLOCKED"
}
