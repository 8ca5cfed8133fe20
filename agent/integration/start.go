package integration

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Start is how a thing is run.
type Start struct {
	// Locale is the language of Anaplan's remarks. "": en_US.
	Locale string

	// Mapping answers what an import asks for at each run, as {Type: "Version", Name: "Actual"}.
	Mapping []Mapping

	// Connectors say how Anaplan reaches what an import reads elsewhere, such as at Salesforce.
	Connectors []Connector
}

// Mapping is the item that an import maps to where its dimension is set at each run.
type Mapping struct {
	Import string `json:"importId,omitempty"` // of those of a process; "": all that ask for it
	Type   string `json:"entityType"`
	Name   string `json:"entityName"`
}

// Connector is a property of the connection to what an import reads, as Anaplan Connect's
// TaskParameters has it: INSTANCE, USERID, PASSWORD or SECURITY_TOKEN.
type Connector struct {
	Source   string `json:"sourceIdOrType,omitempty"` // a source's name, id or type (SALESFORCE_API); "": all
	Property string `json:"parameterId"`
	Value    string `json:"value"`
}

// startBody has its fields in Anaplan's order: localeName has to come first
// (help.anaplan.com, "Import with mapping data").
type startBody struct {
	Locale     string      `json:"localeName"`
	Connectors []Connector `json:"connectorParameters,omitempty"`
	Mapping    []Mapping   `json:"mappingParameters,omitempty"`
}

// UnclearStartError says that it is not known whether a thing was started by us, or which of
// the tasks is ours.
type UnclearStartError struct {
	Thing Thing
	Tasks []string // that are new since; none: none was seen
	Err   error    // what became of the request
}

func (e *UnclearStartError) Error() string {
	if len(e.Tasks) == 0 {
		return fmt.Sprintf("it is not known whether %s was started; look at its tasks before starting it again: %v", e.Thing, e.Err)
	}
	return fmt.Sprintf("the answer to starting %s was lost, and there are %d new tasks of it, so it is not known which one is ours: %s: %v",
		e.Thing, len(e.Tasks), strings.Join(e.Tasks, ", "), e.Err)
}

// Unwrap returns what became of the request.
func (e *UnclearStartError) Unwrap() error { return e.Err }

// Start runs a process, an import, an export or another action, and returns the id of the
// task.
//
// Nothing is started twice because an answer was lost: then the thing's tasks are looked at.
// Exactly one that was not there before is taken for ours; without any, the start is tried again.
// That somebody else starts the same thing in the same seconds cannot be told from that, unless
// both show: then it is an [*UnclearStartError].
func (c *Client) Start(ctx context.Context, thing Thing, start Start) (taskID string, err error) {
	call, err := withJSON(http.MethodPost, thing.path()+"/tasks", startBody{cmp.Or(start.Locale, "en_US"), start.Connectors, start.Mapping})
	if err != nil {
		return "", err
	}
	l := &launch{client: c, thing: thing, call: call}
	if l.before, err = l.tasks(ctx); err != nil {
		return "", err
	}
	for patience := c.patience(); ; {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		id, err := l.once(ctx)
		if err == nil {
			return id, nil
		}
		if errors.Is(err, ErrResponse) {
			err = call.broken(err) // it may have been sent all the same
		}
		if isUnsent(err) {
			err = patience.wait(ctx, err)
		} else {
			id, err = l.find(ctx, patience, err)
		}
		if id != "" || err != nil {
			return id, err
		}
	}
}

// launch is a start under way.
type launch struct {
	client *Client
	thing  Thing
	call   call
	before map[string]bool // the ids of the tasks that were there
}

func (l *launch) once(ctx context.Context) (taskID string, err error) {
	body, err := l.client.once(ctx, l.call)
	if err != nil {
		return "", err
	}
	var answer struct {
		Task listed `json:"task"`
	}
	if err := decode(l.call, body, &answer); err != nil {
		return "", err
	}
	if !isID(string(answer.Task.TaskID)) {
		return "", l.call.unusable("there is no taskId in it")
	}
	return string(answer.Task.TaskID), nil
}

// find looks for the task of a start whose answer was lost. "" and no error: there is none, so it
// did not come to it. It looks twice, for the request may still be on its way; one that Anaplan
// holds, while the model is busy, may be so for longer than anybody looks.
func (l *launch) find(ctx context.Context, patience *patience, lost error) (taskID string, err error) {
	for range 2 {
		if err := patience.wait(ctx, lost); err != nil {
			return "", &UnclearStartError{Thing: l.thing, Err: err}
		}
		now, err := l.tasks(ctx)
		if err != nil {
			return "", &UnclearStartError{Thing: l.thing, Err: err}
		}
		maps.DeleteFunc(now, func(id string, _ bool) bool { return l.before[id] })
		fresh := slices.Sorted(maps.Keys(now))
		if len(fresh) > 1 {
			return "", &UnclearStartError{Thing: l.thing, Tasks: fresh, Err: lost}
		}
		if len(fresh) == 1 {
			l.client.tell("the answer to the start was lost, but %s has been started", l.thing)
			return fresh[0], nil
		}
	}
	if isHeld(lost) {
		return "", &UnclearStartError{Thing: l.thing, Err: lost}
	}
	return "", nil
}

// tasks returns the ids of the thing's tasks.
func (l *launch) tasks(ctx context.Context) (map[string]bool, error) {
	all, err := l.client.list(ctx, l.thing.path()+"/tasks", "tasks")
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool, len(all))
	for _, task := range all {
		if isID(string(task.TaskID)) {
			ids[string(task.TaskID)] = true
		}
	}
	return ids, nil
}
