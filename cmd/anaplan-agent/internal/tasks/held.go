package tasks

// With what a model is busy, while a call or a task waits for it.

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/modelstate"
)

const (
	// askTime is how long Anaplan may take to say with what a model is busy.
	askTime = 10 * time.Second

	// queuedAfter is how long a task waits for its turn before a person wants to know why, and
	// queuedAgain how long that is believed.
	queuedAfter, queuedAgain = 5 * time.Second, time.Minute
)

// holding asks what holds a model.
type holding struct {
	client  *integration.Client
	model   string // its name; "": not known
	refused atomic.Bool
}

// ask returns what holds the model that a call is about, by its path; "" if that is not known.
func (h *holding) ask(ctx context.Context, path string) string {
	if h.client == nil || h.refused.Load() {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	state, ok, err := modelstate.Of(ctx, h.client, path)
	if refusal, is := errors.AsType[*integration.APIError](err); is && refusal.Status == http.StatusForbidden {
		h.refused.Store(true) // and will be
	}
	if err != nil || !ok || !state.Busy() {
		return ""
	}
	return state.Words(h.model)
}

// queue tells why a task that has been started does not begin.
type queue struct {
	task  *Task
	held  *holding
	began time.Time
	asked time.Time
}

// look is told how the task is.
func (q *queue) look(thing integration.Thing, task integration.Task) {
	if task.State != integration.NotStarted || time.Since(q.began) < queuedAfter || time.Since(q.asked) < queuedAgain {
		return
	}
	q.asked = time.Now()
	if why := q.held.ask(q.task.Ctx, thing.Model.Path()+"/tasks"); why != "" {
		q.task.Client.Notify("it waits for its turn: " + why)
	}
}
