package integration

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// States of a task (help.anaplan.com, "Check the status of the import action"). An unknown one
// is taken for one that goes on.
const (
	NotStarted = "NOT_STARTED"
	InProgress = "IN_PROGRESS"
	Complete   = "COMPLETE" // successful or not
	Cancelling = "CANCELLING"
	Cancelled  = "CANCELLED" // all changes are rolled back
)

// Task is one run of a thing.
type Task struct {
	ID       string
	State    string
	Created  time.Time // zero: not known
	Progress float64   // from 0 to 1
	Step     string    // what it is at, in Anaplan's words; "": not known
	Result   *Result   // nil while it runs, and where it was cancelled

	// Raw is the task in Anaplan's own JSON.
	Raw json.RawMessage
}

// Ended reports whether nothing more comes.
func (t Task) Ended() bool { return t.State == Complete || t.State == Cancelled }

// OK reports whether Anaplan says that all of it was successful.
func (t Task) OK() bool { return t.State == Complete && t.Result != nil && t.Result.OK() }

// Result is what came of a task, or of one action of a process.
type Result struct {
	ObjectID, ObjectName string // of what ran; "": not told
	Successful           bool
	FailureDumpAvailable bool // there are rows that were not imported, and they can be downloaded
	Details              []Detail
	Nested               []Result // of a process: its actions, in their order
}

// OK reports whether it was successful, and all within it.
func (r Result) OK() bool {
	for _, nested := range r.Nested {
		if !nested.OK() {
			return false
		}
	}
	return r.Successful
}

// Detail is a remark of Anaplan's.
type Detail struct {
	Type, Text  string
	Occurrences int64
	Values      []string // names and values in turn
}

// taskAnswer is what the endpoints of one task answer.
type taskAnswer struct {
	Task json.RawMessage `json:"task"`
}

type taskFields struct {
	TaskID       string        `json:"taskId"`
	TaskState    string        `json:"taskState"`
	CreationTime float64       `json:"creationTime"` // Unix milliseconds
	Progress     float64       `json:"progress"`
	CurrentStep  string        `json:"currentStep"`
	Result       *resultFields `json:"result"`
}

type resultFields struct {
	ObjectID             text           `json:"objectId"`
	ObjectName           string         `json:"objectName"`
	Successful           bool           `json:"successful"`
	FailureDumpAvailable bool           `json:"failureDumpAvailable"`
	Details              []detailFields `json:"details"`
	NestedResults        []resultFields `json:"nestedResults"`
}

type detailFields struct {
	Type             string `json:"type"`
	LocalMessageText string `json:"localMessageText"`
	Occurrences      int64  `json:"occurrences"`
	Values           []text `json:"values"`
}

// mostTime is the end of the year 9999 in Unix milliseconds, past which JSON cannot write it.
const mostTime = 253402300799999

// parseTask reads a task. Texts become one line each: they are Anaplan's, or a modeller's.
func parseTask(raw json.RawMessage) (Task, bool) {
	var fields taskFields
	if json.Unmarshal(raw, &fields) != nil || !isID(fields.TaskID) {
		return Task{}, false
	}
	task := Task{
		ID: fields.TaskID, State: line(fields.TaskState), Step: line(fields.CurrentStep),
		Progress: min(max(fields.Progress, 0), 1), Raw: raw,
	}
	if at := fields.CreationTime; at > 0 && at <= mostTime {
		task.Created = time.UnixMilli(int64(at))
	}
	if fields.Result != nil {
		result := fields.Result.result()
		task.Result = &result
	}
	return task, true
}

func (f resultFields) result() Result {
	r := Result{
		ObjectName: line(f.ObjectName),
		Successful: f.Successful, FailureDumpAvailable: f.FailureDumpAvailable,
	}
	if isID(string(f.ObjectID)) {
		r.ObjectID = string(f.ObjectID)
	}
	for _, d := range f.Details {
		r.Details = append(r.Details, d.detail())
	}
	for _, nested := range f.NestedResults {
		r.Nested = append(r.Nested, nested.result())
	}
	return r
}

func (f detailFields) detail() Detail {
	d := Detail{Type: line(f.Type), Text: printable.Line(f.LocalMessageText), Occurrences: f.Occurrences}
	for _, value := range f.Values {
		d.Values = append(d.Values, printable.Line(string(value)))
	}
	return d
}

// Poll returns how a task is.
func (c *Client) Poll(ctx context.Context, thing Thing, taskID string) (Task, error) {
	return c.task(ctx, c.patience(), http.MethodGet, thing, taskID)
}

// Cancel asks Anaplan to end a task and to roll back what it has done. It goes on for a while:
// Wait for it. One that has ended stays as it is.
func (c *Client) Cancel(ctx context.Context, thing Thing, taskID string) (Task, error) {
	return c.task(ctx, c.patience(), http.MethodDelete, thing, taskID)
}

func (t Thing) taskPath(id string) string { return t.path() + "/tasks/" + id }

func (c *Client) task(ctx context.Context, patience *patience, method string, thing Thing, id string) (Task, error) {
	if !isID(id) {
		return Task{}, fmt.Errorf("%q is not the id of a task: those are 32 hex digits", line(id))
	}
	call := call{method: method, path: thing.taskPath(id)}
	var answer taskAnswer
	if err := c.askPatiently(ctx, patience, call, &answer); err != nil {
		return Task{}, err
	}
	if method == http.MethodDelete && len(answer.Task) == 0 {
		return Task{ID: id, State: Cancelling}, nil
	}
	task, ok := parseTask(answer.Task)
	switch {
	case !ok:
		return Task{}, call.unusable("there is no task in it")
	case !strings.EqualFold(task.ID, id):
		return Task{}, call.unusable("it is about another task")
	}
	return task, nil
}

// Pauses between two looks at a task. The least is Anaplan's (help.anaplan.com, "Model busy
// behavior and retry strategy"), also after a look that failed.
const (
	leastPause = 5 * time.Second
	mostPause  = 10 * time.Second
)

// Wait waits for the end of a task, looking at it at growing intervals, and tells progress
// each time how it is. progress may be nil. With an error it returns how the task was at last;
// it goes on at Anaplan whether anybody waits or not.
func (c *Client) Wait(ctx context.Context, thing Thing, taskID string, progress func(Task)) (Task, error) {
	var last Task
	patience := c.patience()
	patience.least = cmp.Or(c.PollPause, leastPause)
	for pause := patience.least; ; pause = min(pause*3/2, max(mostPause, patience.least)) {
		task, err := c.task(ctx, patience, http.MethodGet, thing, taskID)
		if err != nil {
			return last, fmt.Errorf("watching task %s of %s: %w", line(taskID), thing, err)
		}
		patience.renew()
		last = task
		if progress != nil {
			progress(task)
		}
		if task.Ended() {
			return task, nil
		}
		if backoff.Sleep(ctx, pause) != nil {
			return last, context.Cause(ctx)
		}
	}
}
