// Package modelstate asks Anaplan with what a model is busy, while it lets calls wait: with what, since
// when, and whose task it is.
//
//	state, err := modelstate.Of(ctx, client, "/2/0/workspaces/W/models/M")
//	if err == nil && state.Busy() {
//		fmt.Println(state.Words("Plan"))
//	}
//
// Imports, exports and what writes cells hold a model for themselves; most calls of others wait
// until they have ended (help.anaplan.com, "Model busy behavior and retry strategy" and "Check model
// status").
package modelstate

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// State is what Anaplan says of a model. All texts are one printable line.
type State struct {
	Step     string    // Anaplan's word for what is going on, as "Processing ..."
	What     string    // what it is, as "processing an Export"; "": not told
	Who      string    // whose it is, as "user Jesse Smith (jesse@example.com)"; "": not told
	Since    time.Time // zero: not told
	Progress float64   // from 0 to 1; below 0: not told
	TaskID   string    // of what is going on; "": nothing is, or it is not told
}

// path returns that of the model which a call is about; false if it is not about something in one.
func path(call string) (model string, ok bool) {
	call, _, _ = strings.Cut(call, "?")
	segments := strings.Split(call, "/") // "", "2", "0", ...
	at := 3
	if len(segments) > at && segments[at] == "workspaces" {
		at += 2
	}
	if len(segments) < at+3 || segments[at] != "models" || segments[at+2] == "status" {
		return "", false
	}
	return strings.Join(segments[:at+2], "/"), true
}

// Of returns the state of the model that a call is about, by the path of the call; ok is false if
// that is not something in a model. It asks once.
func Of(ctx context.Context, client *integration.Client, call string) (state State, ok bool, err error) {
	model, ok := path(call)
	if !ok {
		return State{}, false, nil
	}
	header := http.Header{"Content-Type": {"application/json"}}
	response, err := client.Do(ctx, http.MethodPost, model+"/status", nil, strings.NewReader("{}"), header)
	if err != nil {
		return State{}, false, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		refusal, _ := integration.Refusal(http.MethodPost, model+"/status", response)
		return State{}, false, refusal
	}
	state, err = parse(json.NewDecoder(http.MaxBytesReader(nil, response.Body, mostAnswer)))
	return state, err == nil, err
}

// mostAnswer is the longest answer that is read. Anaplan's have some 600 bytes.
const mostAnswer = 64 << 10

// parse reads an answer.
func parse(decoder *json.Decoder) (State, error) {
	var answer struct {
		Status struct {
			Progress     *float64 `json:"progress"`
			CurrentStep  string   `json:"currentStep"`
			Tooltip      string   `json:"tooltip"`
			CreationTime float64  `json:"creationTime"` // Unix milliseconds
			TaskID       string   `json:"taskId"`
		} `json:"requestStatus"`
	}
	if err := decoder.Decode(&answer); err != nil {
		return State{}, fmt.Errorf("%w: it is not the status of a model", integration.ErrResponse)
	}
	of := answer.Status
	state := State{Step: short(of.CurrentStep), Progress: -1, TaskID: short(of.TaskID)}
	if of.Progress != nil {
		state.Progress = min(*of.Progress, 1)
	}
	const mostTime = 253402300799999 // the end of the year 9999
	if of.CreationTime > 0 && of.CreationTime <= mostTime {
		state.Since = time.UnixMilli(int64(of.CreationTime))
	}
	state.What, state.Who = read(of.Tooltip)
	return state, nil
}

// read takes what is going on, and whose it is, out of what Anaplan shows its users: "The system is
// currently processing an Export:", "Export started by user Jesse Smith (jesse@example.com)", and
// so on, in lines. In another language it is taken as it is.
func read(tooltip string) (what, who string) {
	first, rest, _ := strings.Cut(strings.TrimSpace(tooltip), "\n")
	what = strings.TrimSuffix(strings.TrimPrefix(short(first), "The system is currently "), ":")
	for text := range strings.Lines(rest) {
		if _, by, ok := strings.Cut(short(text), " started by "); ok {
			who = by
		}
	}
	return what, who
}

// short makes a text of Anaplan's one bounded line.
func short(text string) string { return printable.Cut(printable.Line(text), 200) }

// Busy reports whether something holds the model.
func (s State) Busy() bool { return s.TaskID != "" || s.What != "" }

// Words says it for people: model "Plan" is busy since 11:23 (4m0s): processing an Export of user
// Jesse Smith (jesse@example.com), 44 % done.
func (s State) Words(model string) string {
	text := "the model is busy"
	if model != "" {
		text = fmt.Sprintf("model %q is busy", short(model))
	}
	if !s.Since.IsZero() {
		text += " since " + clock(s.Since) + " (" + max(0, time.Since(s.Since)).Round(time.Second).String() + ")"
	}
	switch {
	case s.What != "":
		text += ": " + s.What
	case s.Step != "":
		text += ": " + s.Step
	}
	switch {
	case s.Who != "":
		text += " of " + s.Who
	case s.TaskID != "":
		text += ", task " + s.TaskID
	}
	if s.Progress > 0 {
		text += fmt.Sprintf(", %.0f %% done", 100*s.Progress)
	}
	return text
}

// clock is a time of today, or another one with its day.
func clock(at time.Time) string {
	if at = at.Local(); at.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format("2006-01-02 15:04")
}
