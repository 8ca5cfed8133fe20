package anaplantest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// set puts the model Plan into a state.
func (c *caller) set(state *anaplantest.ModelState) {
	c.t.Helper()
	if err := c.server.SetModelState("Plan", state); err != nil {
		c.t.Fatal(err)
	}
}

// A model that is archived, locked, away or deployed says so to everything but the requests that tell
// of it, until it is told otherwise.
func TestModelStates(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for status, active := range map[int]string{409: "UNLOCKED", 422: "ARCHIVED", 423: "LOCKED", 424: "MAINTENANCE", 425: "PRODUCTION"} {
		c.set(&anaplantest.ModelState{Answer: status})
		c.get(planPath+"/files", token).want(status).api()
		if got := c.get(planPath, token).want(200).one("model")["activeState"]; got != active {
			t.Errorf("%d: %v", status, got)
		}
		c.do("POST", planPath+"/status", token, "").want(200)
		c.get(modelsPath+"/"+anaplantest.ModelID+"/files", token).want(200) // the other model
	}
	c.set(nil)
	c.get(planPath+"/files", token).want(200)
	c.set(&anaplantest.ModelState{Answer: 410, Requests: 2})
	for _, want := range []int{410, 410, 200} {
		c.get(planPath+"/files", token).want(want)
	}
	if err := c.server.SetModelState("none", nil); !errors.Is(err, anaplantest.ErrNoSuchThing) {
		t.Error(err)
	}
}

// While a model is busy requests wait, and its status tells with what. They go on when it is done.
func TestBusyModel(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.set(&anaplantest.ModelState{Looks: 2, Step: "Updating", Tooltip: "Import by jane@example.com", TaskID: "AB", Progress: 0.4})
	answered := make(chan int, 1)
	go func() {
		r, _ := c.try("GET", planPath+"/files", token, "")
		answered <- r.status
	}()
	status := func() map[string]any {
		return c.do("POST", planPath+"/status", token, "").want(200).one("requestStatus")
	}
	if got := status(); got["currentStep"] != "Updating" || got["tooltip"] != "Import by jane@example.com" || got["taskId"] != "AB" || got["progress"] != 0.4 {
		t.Errorf("%v", got)
	}
	select {
	case got := <-answered:
		t.Errorf("answered %d while the model is busy", got)
	default:
	}
	status()
	if got := <-answered; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	if got := status(); got["currentStep"] != "Open" || got["taskId"] != nil {
		t.Errorf("%v", got)
	}

	c.set(&anaplantest.ModelState{For: time.Millisecond})
	c.get(planPath+"/files", token).want(200)
}

// A client that gives up does not wait on.
func TestBusyModelGivenUp(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.set(&anaplantest.ModelState{For: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", c.server.URL+planPath+"/files", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", token)
	gone := make(chan error, 1)
	go func() {
		_, err := c.server.Client().Do(request)
		gone <- err
	}()
	for c.server.Counts().Requests["GET /2/0/workspaces/{ws}/models/{m}/files"] == 0 {
		time.Sleep(time.Millisecond) // until it has come
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// The server of the test closes only once nothing waits in it, and the hour is not over.
}

// What is at work in a model is what its status tells.
func TestStatusOfTask(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	id := c.do("POST", planPath+"/processes/118000000006/tasks", token, `{"localeName":"en_US"}`).want(200).one("task")["taskId"].(string)
	for range 2 {
		c.get(planPath+"/processes/118000000006/tasks/"+id, token).want(200)
	}
	if got := c.do("POST", planPath+"/status", token, "").want(200).one("requestStatus"); got["taskId"] != id || got["currentStep"] != "Processing" {
		t.Errorf("%v", got)
	}
}
