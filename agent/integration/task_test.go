package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

const (
	planPath  = "/2/0/workspaces/" + anaplantest.FinanceID + "/models/" + anaplantest.PlanID
	tasksPath = planPath + "/processes/118000000001/tasks"
)

// run starts a thing and polls it to its end.
func (r *rig) run(t testing.TB, thing Thing) Task {
	t.Helper()
	id, err := r.client.Start(t.Context(), thing, Start{})
	if err != nil {
		t.Fatal(err)
	}
	return r.finish(t, thing, id)
}

// finish polls a task to its end, without the pauses of Wait.
func (r *rig) finish(t testing.TB, thing Thing, id string) (task Task) {
	t.Helper()
	for !task.Ended() {
		var err error
		if task, err = r.client.Poll(t.Context(), thing, id); err != nil {
			t.Fatal(err)
		}
	}
	return task
}

func TestRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	process := r.find(t, Processes, "Nightly load")
	if err := r.SetFile("Sales.csv", []byte("Product,Amount\nA,1\n")); err != nil {
		t.Fatal(err)
	}
	id, err := r.client.Start(t.Context(), process, Start{})
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	task, err := r.client.Wait(t.Context(), process, id, func(task Task) {
		states = append(states, fmt.Sprintf("%s %.1f %s", task.State, task.Progress, task.Step))
		if task.OK() != (task.State == Complete) {
			t.Errorf("OK is %v while %s", task.OK(), task.State)
		}
	})
	if err != nil || !task.OK() || task.ID != id || !task.Ended() || task.Created.IsZero() {
		t.Fatalf("task %+v: %v", task, err)
	}
	if diff := cmp.Diff([]string{"NOT_STARTED 0.0 ", "IN_PROGRESS 0.5 ", "COMPLETE 1.0 Complete."}, states, cmp.Comparer(func(a, b string) bool {
		return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
	})); diff != "" {
		t.Error(diff)
	}
	if len(task.Result.Nested) != 3 || task.Result.Nested[1].ObjectID != "112000000001" {
		t.Errorf("result %+v", task.Result)
	}
	var raw map[string]any
	if json.Unmarshal(task.Raw, &raw) != nil || raw["taskId"] != id {
		t.Errorf("raw %s", task.Raw)
	}
	if got := r.Counts().Tasks; got != 1 {
		t.Errorf("%d tasks were started", got)
	}
}

func TestRunWithoutSuccess(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	// Nobody has uploaded Sales.csv.
	task := r.run(t, r.find(t, Processes, "Nightly load"))
	if task.OK() || task.State != Complete || task.Result.Nested[len(task.Result.Nested)-1].Successful {
		t.Errorf("task %+v", task.Result)
	}
	imported := r.find(t, Imports, "Sales from Sales.csv")
	task = r.run(t, imported)
	if task.OK() || len(task.Result.Details) == 0 || task.Result.Details[0].Values[0] != "Sales.csv" || task.Result.Details[0].Text == "" {
		t.Errorf("task %+v", task.Result)
	}
	if err := r.TaskOutcome(imported.ID, 1, anaplantest.Outcome{Cancelled: true}); err != nil {
		t.Fatal(err)
	}
	if task = r.run(t, imported); task.OK() || task.State != Cancelled || !task.Ended() || task.Result != nil {
		t.Errorf("task %+v", task)
	}
}

func TestOK(t *testing.T) {
	good, bad := Result{Successful: true}, Result{}
	nest := func(r ...Result) *Result { return &Result{Successful: true, Nested: r} }
	for name, test := range map[string]struct {
		task Task
		want bool
	}{
		"good":                  {Task{State: Complete, Result: &good}, true},
		"bad":                   {Task{State: Complete, Result: &bad}, false},
		"no result":             {Task{State: Complete}, false},
		"not done":              {Task{State: InProgress, Result: &good}, false},
		"cancelled":             {Task{State: Cancelled, Result: &good}, false},
		"all good":              {Task{State: Complete, Result: nest(good, *nest(good))}, true},
		"one bad":               {Task{State: Complete, Result: nest(good, bad)}, false},
		"one bad far below":     {Task{State: Complete, Result: nest(good, *nest(good, *nest(bad)))}, false},
		"bad with good actions": {Task{State: Complete, Result: &Result{Nested: []Result{good}}}, false},
	} {
		if got := test.task.OK(); got != test.want {
			t.Errorf("%s: OK is %v", name, got)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	action := r.find(t, Actions, "Sort products")
	if err := r.TaskOutcome(action.ID, 1, anaplantest.Outcome{Polls: -1}); err != nil {
		t.Fatal(err)
	}
	id, err := r.client.Start(t.Context(), action, Start{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	last, err := r.client.Wait(ctx, action, id, func(task Task) {
		if task.State == InProgress {
			cancel(interrupted)
		}
	})
	if !errors.Is(err, interrupted) || last.State != InProgress {
		t.Errorf("%+v, %v", last, err)
	}
	task, err := r.client.Cancel(t.Context(), action, id)
	if err != nil || task.State != Cancelling || task.Ended() {
		t.Errorf("%+v, %v", task, err)
	}
	if task, err = r.client.Wait(t.Context(), action, id, nil); err != nil || task.State != Cancelled {
		t.Errorf("%+v, %v", task, err)
	}
	if task, err = r.client.Cancel(t.Context(), action, id); err != nil || task.State != Cancelled {
		t.Errorf("of one that has ended: %+v, %v", task, err)
	}
}

func TestCancelWithoutAnswer(t *testing.T) {
	client := served(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	task, err := client.Cancel(t.Context(), Thing{Kind: Imports, ID: "1"}, "A1")
	if err != nil || task.ID != "A1" || task.State != Cancelling {
		t.Errorf("%+v, %v", task, err)
	}
}

func TestPollNonsense(t *testing.T) {
	thing := Thing{Kind: Imports, ID: "1", Model: Model{ID: "M"}}
	for body, words := range map[string]string{
		`{}`:                                    "there is no task in it",
		`{"task":null}`:                         "there is no task in it",
		`{"task":{"taskId":"../x"}}`:            "there is no task in it",
		`{"task":{"taskId":"B2"}}`:              "it is about another task",
		`{"task":{"taskId":"A1","result":[1]}}`: "there is no task in it",
	} {
		client := served(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		_, err := client.Poll(t.Context(), thing, "A1")
		wantError(t, err, "GET /2/0/models/M/imports/1/tasks/A1: the answer cannot be used: "+words)
	}
	_, err := served(nil).Poll(t.Context(), thing, "../../x")
	wantError(t, err, `"../../x" is not the id of a task`)
}

func TestWaitPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begun := time.Now()
		client := served(func(w http.ResponseWriter, r *http.Request) {
			at = append(at, time.Since(begun))
			state := "SOMETHING_NEW" // goes on, too
			if len(at) == 14 {
				state = Complete
			}
			fmt.Fprintf(w, `{"task":{"taskId":"a1","taskState":%q,"progress":7,"creationTime":1e300,"currentStep":"a\nb","result":{"successful":true}}}`, state)
		})
		task, err := client.Wait(t.Context(), Thing{Kind: Imports, ID: "1"}, "A1", nil)
		if err != nil || !task.OK() || task.Progress != 1 || task.Step != "a b" || !task.Created.IsZero() {
			t.Errorf("%+v, %v", task, err)
		}
		if at[0] != 0 || at[1] != 5*time.Second || at[2] != 12500*time.Millisecond { // Anaplan's least pause
			t.Errorf("polls at %v", at)
		}
		for i := 1; i < len(at); i++ {
			if pause := at[i] - at[i-1]; pause > 10*time.Second || pause < at[max(i-1, 1)]-at[max(i-1, 1)-1] {
				t.Errorf("polls at %v", at)
			}
		}
		if last := at[13] - at[12]; last != 10*time.Second {
			t.Errorf("the last pause was %v", last)
		}
	})
}

// A poll that fails, in whatever way may pass, does not end the wait, and is not repeated sooner
// than Anaplan wants to be polled. That there was an answer in between begins the count again.
func TestWaitSurvivesFailedPolls(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"500":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"410":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410) },
		"503":  func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) },
		"lost": func(w http.ResponseWriter, r *http.Request) { cut() },
	} {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			client := served(func(w http.ResponseWriter, r *http.Request) {
				at = append(at, time.Now())
				switch n := len(at); {
				case n == 40:
					io.WriteString(w, `{"task":{"taskId":"a1","taskState":"COMPLETE","result":{"successful":true}}}`)
				case n%7 == 0:
					io.WriteString(w, `{"task":{"taskId":"a1","taskState":"IN_PROGRESS"}}`)
				default:
					fail(w, r)
				}
			})
			task, err := client.Wait(t.Context(), Thing{Kind: Imports, ID: "1"}, "A1", nil)
			if err != nil || !task.OK() {
				t.Errorf("%s: %+v, %v", name, task, err)
			}
			for i := 1; i < len(at); i++ {
				if pause := at[i].Sub(at[i-1]); pause < 5*time.Second {
					t.Errorf("%s: poll %d came %v after the one before", name, i, pause)
				}
			}
		})
	}
}

func TestWaitSurvives(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	thing := r.find(t, Actions, "Sort products")
	id, err := r.client.Start(t.Context(), thing, Start{})
	if err != nil {
		t.Fatal(err)
	}
	path := thing.taskPath(id)
	for _, fault := range []anaplantest.Fault{anaplantest.Cut(), anaplantest.CutAfter(), anaplantest.CutInside(), anaplantest.Unavailable(), anaplantest.Failing(502)} {
		r.Fault("GET "+path, 2, fault)
	}
	// Ten failures are more than are borne, and the task does not suffer.
	_, err = r.client.Wait(t.Context(), thing, id, nil)
	wantError(t, err, "watching task "+id+` of action "Sort products": tried 8 times: `)
	if task, err := r.client.Wait(t.Context(), thing, id, nil); err != nil || !task.OK() {
		t.Errorf("%+v, %v", task, err)
	}
	if told := r.notes.all(); !strings.Contains(told, "the connection was lost; trying again in ") || !strings.Contains(told, "Anaplan is not available (HTTP 503)") {
		t.Errorf("told %q", told)
	}
}

func TestStartWithParameters(t *testing.T) {
	var body string
	client := served(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			raw, _ := io.ReadAll(r.Body)
			body = string(raw)
			io.WriteString(w, `{"task":{"taskId":"A1"}}`)
			return
		}
		io.WriteString(w, `{}`)
	})
	thing := Thing{Kind: Imports, ID: "1"}
	id, err := client.Start(t.Context(), thing, Start{
		Locale: "de_DE", Mapping: []Mapping{{Type: "Version", Name: "Actual"}, {"112000000001", "Region", "North"}},
		Connectors: []Connector{{"SALESFORCE_API", "USERID", "me"}, {Property: "INSTANCE", Value: "x"}},
	})
	if want := `{"localeName":"de_DE",` +
		`"connectorParameters":[{"sourceIdOrType":"SALESFORCE_API","parameterId":"USERID","value":"me"},{"parameterId":"INSTANCE","value":"x"}],` +
		`"mappingParameters":[{"entityType":"Version","entityName":"Actual"},{"importId":"112000000001","entityType":"Region","entityName":"North"}]}`; err != nil || id != "A1" || body != want {
		t.Errorf("%s, %v: %s", id, err, body)
	}
	if _, err = client.Start(t.Context(), thing, Start{}); err != nil || body != `{"localeName":"en_US"}` {
		t.Errorf("%v: %s", err, body)
	}
}

func TestStartIsNotDoneTwice(t *testing.T) {
	for name, test := range map[string]struct {
		fault anaplantest.Fault
		times int
		tasks int // that are started in all
		told  string
	}{
		"answer lost":         {anaplantest.CutAfter(), 1, 1, "the answer to the start was lost, but process \"Nightly load\" has been started"},
		"answer cut":          {anaplantest.CutInside(), 1, 1, "has been started"},
		"answer is not JSON":  {anaplantest.Truncated(), 1, 1, "has been started"},
		"request lost":        {anaplantest.Cut(), 2, 1, "the connection was lost; trying again"},
		"unavailable":         {anaplantest.Unavailable(), 2, 1, "Anaplan is not available"},
		"done, and 504 came":  {anaplantest.WithStatus(504), 1, 1, "has been started"},
		"a portal in the way": {anaplantest.NotJSON(), 1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			process := r.find(t, Processes, "Nightly load")
			if _, err := r.client.Start(t.Context(), process, Start{}); err != nil { // a task that is not ours
				t.Fatal(err)
			}
			r.Fault("POST "+tasksPath, test.times, test.fault)
			id, err := r.client.Start(t.Context(), process, Start{})
			if err != nil {
				t.Fatal(err)
			}
			if task, err := r.client.Poll(t.Context(), process, id); err != nil || task.ID != id {
				t.Errorf("task %s: %v", id, err)
			}
			if got := r.Counts().Tasks - 1; got != test.tasks {
				t.Errorf("%d tasks were started", got)
			}
			if told := r.notes.all(); !strings.Contains(told, test.told) {
				t.Errorf("told %q", told)
			}
		})
	}
}

// starts is a list of tasks that a script fills.
type starts struct {
	tasks []string
	posts int
	post  func(w http.ResponseWriter, n int)
	list  func(w http.ResponseWriter, n int) bool // true: it has answered
	lists int
}

func (s *starts) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == "POST" {
		s.posts++
		s.post(w, s.posts)
		return
	}
	s.lists++
	if s.list != nil && s.list(w, s.lists) {
		return
	}
	var ids []string
	for _, id := range s.tasks {
		ids = append(ids, fmt.Sprintf(`{"taskId":%q}`, id))
	}
	fmt.Fprintf(w, `{"tasks":[%s]}`, strings.Join(ids, ","))
}

// start starts a thing in a bubble.
func (s *starts) start(t *testing.T) (id string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		id, err = served(s.serve).Start(t.Context(), Thing{Kind: Processes, ID: "118", Name: "Load", Model: Model{ID: "M"}}, Start{})
	})
	return id, err
}

func TestStartThatCannotBeToldApart(t *testing.T) {
	s := &starts{tasks: []string{"OLD"}}
	s.post = func(w http.ResponseWriter, n int) {
		s.tasks = append(s.tasks, "OURS", "THEIRS")
		cut()
	}
	_, err := s.start(t)
	wantError(t, err, `the answer to starting process "Load" was lost, and there are 2 new tasks of it`, "OURS, THEIRS")
	if unclear, ok := errors.AsType[*UnclearStartError](err); !ok || len(unclear.Tasks) != 2 || s.posts != 1 {
		t.Errorf("%d starts, error %#v", s.posts, err)
	}
}

func TestStartThatShowsLate(t *testing.T) {
	s := &starts{}
	s.post = func(w http.ResponseWriter, n int) { cut() }
	s.list = func(w http.ResponseWriter, n int) bool {
		if n == 3 { // before, after, and once more
			s.tasks = append(s.tasks, "OURS")
		}
		return false
	}
	if id, err := s.start(t); id != "OURS" || err != nil || s.posts != 1 {
		t.Errorf("task %q after %d starts: %v", id, s.posts, err)
	}
}

func TestStartThatIsNeverTaken(t *testing.T) {
	s := &starts{post: func(w http.ResponseWriter, n int) { cut() }}
	_, err := s.start(t)
	wantError(t, err, `it is not known whether process "Load" was started; look at its tasks before starting it again`, "tried 8 times")
	if s.posts != 4 {
		t.Errorf("%d starts, want 4: two looks at the tasks after each", s.posts)
	}
}

// A start that Anaplan holds, as it does while the model is busy, may be done when it is free: what
// does not show yet must not be started again.
func TestStartThatIsHeld(t *testing.T) {
	for name, post := range map[string]func(w http.ResponseWriter){
		"no answer":           func(http.ResponseWriter) { time.Sleep(time.Hour) },
		"a gateway gives up":  func(w http.ResponseWriter) { w.WriteHeader(504) },
		"Cloudflare gives up": func(w http.ResponseWriter) { w.WriteHeader(524) },
	} {
		s := &starts{post: func(w http.ResponseWriter, n int) { post(w) }}
		_, err := s.start(t)
		wantError(t, err, `it is not known whether process "Load" was started; look at its tasks before starting it again`)
		if s.posts != 1 || s.lists != 3 {
			t.Errorf("%s: %d starts and %d looks: %v", name, s.posts, s.lists, err)
		}
	}
}

// The model is somewhere else at Anaplan by now; nothing was started.
func TestStartThatIsRerouted(t *testing.T) {
	s := &starts{}
	s.post = func(w http.ResponseWriter, n int) {
		if n < 3 {
			w.WriteHeader(410)
			return
		}
		io.WriteString(w, `{"task":{"taskId":"OURS"}}`)
	}
	if id, err := s.start(t); id != "OURS" || err != nil || s.posts != 3 {
		t.Errorf("task %q after %d starts: %v", id, s.posts, err)
	}
}

func TestStartWhoseTasksCannotBeSeenAfterwards(t *testing.T) {
	s := &starts{post: func(w http.ResponseWriter, n int) { cut() }}
	s.list = func(w http.ResponseWriter, n int) bool {
		if n > 1 {
			w.WriteHeader(501)
		}
		return n > 1
	}
	_, err := s.start(t)
	wantError(t, err, "it is not known whether", "Anaplan fails (HTTP 501)")
	if s.posts != 1 {
		t.Errorf("%d starts", s.posts)
	}
}

func TestStartRefused(t *testing.T) {
	s := &starts{post: func(w http.ResponseWriter, n int) { w.WriteHeader(400) }}
	_, err := s.start(t)
	wantError(t, err, "POST /2/0/models/M/processes/118/tasks: Anaplan does not take the request (HTTP 400)")
	if _, unclear := errors.AsType[*UnclearStartError](err); unclear || s.posts != 1 {
		t.Errorf("%d starts: %v", s.posts, err)
	}
	// Without the list it cannot be told afterwards, so nothing is started.
	s = &starts{list: func(w http.ResponseWriter, n int) bool { w.WriteHeader(404); return true }}
	_, err = s.start(t)
	wantError(t, err, "GET /2/0/models/M/processes/118/tasks: there is no such thing")
	if s.posts != 0 {
		t.Errorf("%d starts", s.posts)
	}
}

func TestStartWaitsForAllowance(t *testing.T) {
	s := &starts{}
	s.post = func(w http.ResponseWriter, n int) {
		if n < 3 {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(429)
			return
		}
		io.WriteString(w, `{"task":{"taskId":"OURS"}}`)
	}
	if id, err := s.start(t); id != "OURS" || err != nil || s.posts != 3 || s.lists != 1 {
		t.Errorf("task %q after %d starts and %d lists: %v", id, s.posts, s.lists, err)
	}
}

func TestStartInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	s := &starts{}
	s.post = func(w http.ResponseWriter, n int) { cancel(interrupted); cut() }
	thing := Thing{Kind: Processes, ID: "118"}
	_, err := served(s.serve).Start(ctx, thing, Start{})
	wantError(t, err, "it is not known whether process 118 was started", "interrupted")
	if !errors.Is(err, interrupted) {
		t.Errorf("error %v", err)
	}

	// Before it was sent.
	ctx, cancel = context.WithCancelCause(t.Context())
	s = &starts{list: func(http.ResponseWriter, int) bool { cancel(interrupted); return false }}
	_, err = served(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r.WithContext(context.Background()))
	}).Start(ctx, thing, Start{})
	if _, unclear := errors.AsType[*UnclearStartError](err); unclear || !errors.Is(err, interrupted) || s.posts != 0 {
		t.Errorf("%d starts: %v", s.posts, err)
	}
}
