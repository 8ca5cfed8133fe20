package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// modelOrder is the JSON that puts a model into a state. The fields are those of anaplantest's
// ModelState.
type modelOrder struct {
	Model    string  `json:"model"`
	Answer   string  `json:"answer"`
	For      string  `json:"for"`
	Requests int     `json:"requests"`
	Looks    int     `json:"looks"`
	Step     string  `json:"step"`
	Tooltip  string  `json:"tooltip"`
	TaskID   string  `json:"taskId"`
	Progress float64 `json:"progress"`
}

// parseModel reads an order, as strictly as parseFault does.
func parseModel(text []byte) (modelOrder, error) {
	var order modelOrder
	if err := decodeOne(text, &order, "state"); err != nil {
		return order, err
	}
	if order.Requests < 0 || order.Looks < 0 {
		return order, fmt.Errorf("requests and looks are counts, and not below none")
	}
	return order, nil
}

// make returns the state that is ordered; nil for one of a model that works.
func (o modelOrder) make() (*anaplantest.ModelState, error) {
	state := &anaplantest.ModelState{
		Requests: o.Requests, Looks: o.Looks, Step: o.Step, Tooltip: o.Tooltip, TaskID: o.TaskID, Progress: o.Progress,
	}
	if o.For != "" {
		length, err := time.ParseDuration(o.For)
		if err != nil || length <= 0 {
			return nil, fmt.Errorf("for is %q, not a time such as 5s", o.For)
		}
		state.For = length
	}
	switch o.Answer {
	case "ever":
		return nil, nil
	case "wait":
		if state.For == 0 && state.Looks == 0 {
			return nil, fmt.Errorf("say when the wait ends: \"for\":\"5s\", or after so many \"looks\" at the model's status")
		}
		return state, nil
	}
	status, err := strconv.Atoi(o.Answer)
	if err != nil || status < 400 || status > 599 {
		return nil, fmt.Errorf("answer is %q, and not one of wait, ever, or a status such as 409, 410, 422, 423, 424, 425", o.Answer)
	}
	state.Answer = status
	return state, nil
}

// model puts a model into a state.
func (a *admin) model(r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	order, err := parseModel(text)
	if err != nil {
		return nil, err
	}
	state, err := order.make()
	if err != nil {
		return nil, err
	}
	return nil, a.service.SetModelState(order.Model, state)
}
