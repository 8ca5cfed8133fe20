package anaplantest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

const (
	start       = `{"localeName":"en_US"}`
	nightlyPath = planPath + "/processes/118000000001/tasks"
	importPath  = planPath + "/imports/112000000001/tasks"
	exportPath  = planPath + "/exports/116000000001/tasks"
	actionPath  = planPath + "/actions/117000000001/tasks"
)

// outcome is what the tests read of a result.
type outcome struct {
	ObjectID   string               `json:"objectId"`
	Successful bool                 `json:"successful"`
	DumpThere  bool                 `json:"failureDumpAvailable"`
	Details    []anaplantest.Detail `json:"details"`
	Nested     []outcome            `json:"nestedResults"`
}

// ran is a task to its end.
type ran struct {
	path   string // of the task
	states []string
	result *outcome
}

// begin starts a task, and returns its path.
func (c *caller) begin(path, token string) string {
	c.t.Helper()
	task := c.do("POST", path, token, start).want(200).one("task")
	if len(task) != 1 {
		c.t.Errorf("the start of a task tells %v", task)
	}
	return path + "/" + task["taskId"].(string)
}

// run starts a task and polls it until it ends.
func (c *caller) run(path, token string) ran {
	c.t.Helper()
	r := ran{path: c.begin(path, token)}
	for {
		var body struct {
			Task struct {
				TaskState    string   `json:"taskState"`
				CurrentStep  string   `json:"currentStep"`
				CreationTime int64    `json:"creationTime"`
				Progress     *float64 `json:"progress"`
				Result       *outcome `json:"result"`
			} `json:"task"`
		}
		c.get(r.path, token).want(200).decode(&body)
		task := body.Task
		if task.Progress == nil || task.CreationTime == 0 || (task.CurrentStep == "") != (task.TaskState == "NOT_STARTED") {
			c.t.Errorf("task %+v", task)
		}
		r.states, r.result = append(r.states, task.TaskState), task.Result
		if task.TaskState == "COMPLETE" || task.TaskState == "CANCELLED" || len(r.states) > 20 {
			return r
		}
	}
}

// Every kind of thing runs, at either place.
func TestRuns(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{Things: 1})
	token := c.token()
	c.server.SetFile("Sales.csv", []byte("Name,Amount\nNorth,1\n"))
	for path, object := range map[string]string{
		importPath: "112000000001", exportPath: "116000000001", actionPath: "117000000001", nightlyPath: "118000000001",
		planOnly + "/imports/112000000003/tasks":   "112000000003",
		planOnly + "/processes/118000001001/tasks": "118000001001",
	} {
		r := c.run(path, token)
		if diff := cmp.Diff([]string{"NOT_STARTED", "IN_PROGRESS", "COMPLETE"}, r.states); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if r.result == nil || r.result.ObjectID != object || !r.result.Successful || r.result.DumpThere {
			t.Errorf("%s: result %+v", path, r.result)
		}
		c.get(r.path+"/dump", token).want(404)
		c.get(r.path+"/dump/chunks", token).want(404)
	}
	if got := c.server.Counts().Tasks; got != 6 {
		t.Errorf("%d tasks counted, want 6", got)
	}
}

// What Anaplan refuses to start.
func TestStartRefusals(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for _, body := range []string{
		"", "x", "[]", "{}", `{"localeName":""}`, `{"localeName":7}`,
		`{"mappingParameters":[],"localeName":"en_US"}`,
		`{"localeName":"en_US","mappingParameters":{}}`,
		`{"localeName":"en_US","connectorParameters":[{"parameterId":"PASSWORD"}]}`,
		`{"localeName":"en_US","connectorParameters":[{"value":"x"}]}`,
		`{"localeName":"en_US","mappingParameters":[{"entityType":"Version"}]}`,
		`{"localeName":"en_US","mappingParameters":[{"entityName":"Actual"}]}`,
	} {
		for _, path := range []string{importPath, exportPath, actionPath, nightlyPath} {
			c.do("POST", path, token, body).want(400).api()
		}
	}
	c.do("POST", nightlyPath, token, `{"localeName":"en_US","mappingParameters":[{"entityType":"Version","entityName":"Actual"}]}`).want(200)
	if got := c.server.Counts().Tasks; got != 1 {
		t.Errorf("%d tasks counted, want 1", got)
	}
}

// Tasks are listed with the thing that they run, oldest first.
func TestListTasks(t *testing.T) {
	now := time.Now()
	c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return now }})
	token := c.token()
	var want []string
	for range 3 {
		now = now.Add(time.Second)
		path := c.begin(nightlyPath, token)
		want = append(want, fmt.Sprint(strings.TrimPrefix(path, nightlyPath+"/"), " NOT_STARTED ", now.UnixMilli()))
	}
	c.begin(importPath, token)
	list := func(query string) (got []string) {
		t.Helper()
		tasks, _ := c.get(nightlyPath+query, token).want(200).listing("tasks")
		for _, k := range tasks {
			got = append(got, fmt.Sprintf("%v %v %.0f", k["taskId"], k["taskState"], k["creationTime"]))
		}
		return got
	}
	if diff := cmp.Diff(want, list("")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{want[2], want[1]}, list("?sort=-creationTime&limit=2")); diff != "" {
		t.Error(diff)
	}
	if got := list("?offset=3"); got != nil {
		t.Errorf("beyond the end there is %v", got)
	}
}

// A start whose answer is lost has started a task, and the list shows it.
func TestLostStart(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.server.Fault("POST "+nightlyPath, 1, anaplantest.CutAfter())
	c.get(nightlyPath, token).want(200) // not a start, so it meets no fault
	if r, err := c.try("POST", nightlyPath, token, start); err == nil {
		t.Fatalf("status %d in place of a cut", r.status)
	}
	tasks, _ := c.get(nightlyPath, token).want(200).listing("tasks")
	if len(tasks) != 1 || tasks[0]["taskState"] != "NOT_STARTED" {
		t.Errorf("tasks %v", tasks)
	}
	// One that is lost on its way has started none.
	c.server.Fault("POST "+nightlyPath, 1, anaplantest.Cut())
	if _, err := c.try("POST", nightlyPath, token, start); err == nil {
		t.Error("an answer in place of a cut")
	}
	if got := c.server.Counts(); got.Tasks != 1 || got.Faults != 2 {
		t.Errorf("counts %+v", got)
	}
}

func TestCancel(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	path := c.begin(exportPath, token)
	c.get(path, token).want(200)
	for range 2 {
		if got := c.do("DELETE", path, token, "").want(200).one("task"); got["taskState"] != "CANCELLING" {
			t.Errorf("task %v", got)
		}
	}
	for range 2 {
		got := c.get(path, token).want(200).one("task")
		if _, ok := got["result"]; ok || got["taskState"] != "CANCELLED" {
			t.Errorf("task %v", got)
		}
	}
	c.get(reportPath, token).want(404) // nothing was exported
	done := c.run(exportPath, token)
	if got := c.do("DELETE", done.path, token, "").want(200).one("task"); got["taskState"] != "COMPLETE" {
		t.Errorf("task %v", got)
	}
	c.do("DELETE", exportPath+"/other", token, "").want(404)
	c.get(importPath+strings.TrimPrefix(done.path, exportPath), token).want(404) // a task of another thing
}

// The file of an export is there once it has run.
func TestExport(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{ChunkSize: 5})
	token := c.token()
	if err := c.server.SetFile("Report.csv", []byte("Name,Amount\n")); err != nil {
		t.Fatal(err)
	}
	c.get(reportPath, token).want(404)
	if got := c.content("Report.csv"); got != "none" {
		t.Errorf("before the export there is %q", got)
	}
	c.run(exportPath, token)
	if got := string(c.get(reportPath, token).want(200).body); got != "Name,Amount\n" || c.content("Report.csv") != got {
		t.Errorf("the export gives %q", got)
	}
	if got := c.chunkCount(token, "Report.csv"); got != 3. {
		t.Errorf("chunkCount %v", got)
	}
	// As one of a process, too.
	c.server.SetFile("Report.csv", nil)
	c.run(planPath+"/processes/118000000006/tasks", token)
	if got := c.content("Report.csv"); got != "" || c.chunkCount(token, "Report.csv") != 1. {
		t.Errorf("the export gives %q", got)
	}
}

// Rows with the word "bad" are left out, and stand in the dump; what becomes of the
// import is an option.
func TestRejectedRows(t *testing.T) {
	const content = "Name,Amount\nNorth,1\nbadminton,2\n\nWest,bad\nbad,4\r\n"
	const left = "Line,Error,Name,Amount\n5,Invalid row,West,bad\n6,Invalid row,bad,4\n"
	for _, fails := range []bool{false, true} {
		c := newCaller(t, &anaplantest.Options{RejectedRowsFail: fails, ChunkSize: 30})
		token := c.token()
		c.server.SetFile("Sales.csv", []byte(content))
		r := c.run(importPath, token)
		if r.result.Successful == fails || !r.result.DumpThere {
			t.Errorf("result %+v", r.result)
		}
		detail := r.result.Details[0]
		if detail.Type != "hierarchyRowsProcessedWithFailures" || !strings.Contains(detail.Text, "2 (0/2) rows successful") || !strings.Contains(detail.Text, "2 failed") {
			t.Errorf("detail %+v", detail)
		}
		if got := string(c.get(r.path+"/dump", token).want(200).body); got != left {
			t.Errorf("the dump is %q", got)
		}
		var chunks strings.Builder
		for _, chunk := range c.get(r.path+"/dump/chunks", token).want(200).names("chunks") {
			chunks.Write(c.get(r.path+"/dump/chunks/"+chunk.ID, token).want(200).body)
		}
		if chunks.String() != left {
			t.Errorf("the chunks are %q", chunks.String())
		}
		c.get(r.path+"/dump/chunks/9", token).want(404)

		// The next run without rejections takes the dump away.
		c.server.SetFile("Sales.csv", []byte("Name,Amount\nNorth,1\n"))
		if again := c.run(importPath, token); !again.result.Successful || again.result.DumpThere {
			t.Errorf("result %+v", again.result)
		}
		c.get(r.path+"/dump", token).want(404)
		c.get(r.path+"/dump/chunks/0", token).want(404)
	}
}

// An import without its file fails, and so does one whose file is coming still.
func TestImportWithoutFile(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	r := c.run(importPath, token)
	want := &outcome{ObjectID: "112000000001", Details: []anaplantest.Detail{{
		Type: "uploadedFileNoLongerAvailable", Text: "The file is not there, or its upload is not complete.",
		Occurrences: 1, Values: []any{"Sales.csv", nil},
	}}}
	if diff := cmp.Diff(want, r.result); diff != "" {
		t.Error(diff)
	}
	pricesImport := planPath + "/imports/112000000002/tasks"
	if r := c.run(pricesImport, token); !r.result.Successful {
		t.Errorf("result %+v", r.result)
	}
	c.do("POST", pricesPath, token, `{"chunkCount":2}`).want(200)
	if r := c.run(pricesImport, token); r.result.Successful {
		t.Errorf("result %+v", r.result)
	}
}

// A process tells of each action, stops at one that fails, and fails with it. The dump
// of an action is found by its id.
func TestProcessResults(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.server.SetFile("Sales.csv", []byte("Name,Amount\nbad,1\n"))
	r := c.run(nightlyPath, token)
	if !r.result.Successful || !r.result.DumpThere || len(r.result.Nested) != 3 {
		t.Fatalf("result %+v", r.result)
	}
	if n := r.result.Nested[1]; n.ObjectID != "112000000001" || !n.DumpThere || r.result.Nested[2].DumpThere {
		t.Errorf("nested results %+v", r.result.Nested)
	}
	const left = "Line,Error,Name,Amount\n2,Invalid row,bad,1\n"
	for _, path := range []string{"/dumps/112000000001", "/dumps/112000000001/chunks/0"} {
		if got := string(c.get(r.path+path, token).want(200).body); got != left {
			t.Errorf("%s is %q", path, got)
		}
	}
	if got := c.get(r.path+"/dumps/112000000001/chunks", token).want(200).names("chunks"); len(got) != 1 {
		t.Errorf("chunks %v", got)
	}
	c.get(r.path+"/dumps/112000000002", token).want(404)
	c.get(r.path+"/dump", token).want(404)

	c.do("DELETE", salesPath, token, "").want(204)
	r = c.run(nightlyPath, token)
	if r.result.Successful || r.result.DumpThere || len(r.result.Nested) != 2 || r.result.Nested[1].Successful {
		t.Errorf("result %+v", r.result)
	}
}

// What a test plans comes true, once or as often as it says, in order.
func TestOutcomes(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	details := []anaplantest.Detail{{Type: "actionFailed", Text: "No.", Occurrences: 3, Values: []any{"a", nil}}}
	plan := func(id string, times int, o anaplantest.Outcome) {
		t.Helper()
		if err := c.server.TaskOutcome(id, times, o); err != nil {
			t.Fatal(err)
		}
	}
	plan("117000000001", 2, anaplantest.Outcome{Failed: true, Details: details})
	plan("117000000001", 0, anaplantest.Outcome{Details: details})
	for _, want := range []outcome{
		{ObjectID: "117000000001", Details: details}, {ObjectID: "117000000001", Details: details},
		{ObjectID: "117000000001", Successful: true, Details: details}, {ObjectID: "117000000001", Successful: true},
	} {
		if diff := cmp.Diff(&want, c.run(actionPath, token).result); diff != "" {
			t.Error(diff)
		}
	}

	plan("112000000002", 1, anaplantest.Outcome{Failed: true, Dump: []byte("left")})
	r := c.run(planPath+"/imports/112000000002/tasks", token)
	if r.result.Successful || !r.result.DumpThere || string(c.get(r.path+"/dump", token).body) != "left" {
		t.Errorf("result %+v", r.result)
	}

	plan("116000000001", 1, anaplantest.Outcome{Cancelled: true, Polls: 4})
	r = c.run(exportPath, token)
	if diff := cmp.Diff([]string{"NOT_STARTED", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "CANCELLED"}, r.states); diff != "" || r.result != nil {
		t.Errorf("result %+v, states %s", r.result, diff)
	}

	plan("116000000001", 1, anaplantest.Outcome{Polls: -1})
	if r := c.run(exportPath, token); r.states[len(r.states)-1] != "IN_PROGRESS" {
		t.Errorf("states %v", r.states)
	}
	if err := c.server.TaskOutcome("113000000001", 1, anaplantest.Outcome{}); err == nil {
		t.Error("a file was given an outcome")
	}
}

// The outcome of a process is that of its last action; one of an action is its own.
func TestProcessOutcomes(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.server.SetFile("Sales.csv", []byte("Name,Amount\nNorth,1\n"))
	for _, test := range []struct {
		id     string
		ends   int // how many actions run
		dumped string
	}{
		{"118000000001", 3, "112000000002"},
		{"112000000002", 3, "112000000002"},
		{"112000000001", 2, "112000000001"},
	} {
		if err := c.server.TaskOutcome(test.id, 1, anaplantest.Outcome{Failed: true, Dump: []byte("left")}); err != nil {
			t.Fatal(err)
		}
		r := c.run(nightlyPath, token)
		if r.result.Successful || !r.result.DumpThere || len(r.result.Nested) != test.ends {
			t.Fatalf("with %s: result %+v", test.id, r.result)
		}
		for i, n := range r.result.Nested {
			if last := i == test.ends-1; n.Successful == last || n.DumpThere != last {
				t.Errorf("with %s: action %d is %+v", test.id, i, n)
			}
		}
		if got := string(c.get(r.path+"/dumps/"+test.dumped, token).want(200).body); got != "left" {
			t.Errorf("with %s: the dump is %q", test.id, got)
		}
	}
}

// Faults that change an answer leave a file a file.
func TestFaultsOnFiles(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.server.SetFile("Sales.csv", []byte("0123456789"))
	c.server.Fault(salesPath, 1, anaplantest.Truncated())
	if got := string(c.with("GET", salesPath, token, "", "Accept-Encoding: identity").want(200).body); got != "01234" {
		t.Errorf("truncated to %q", got)
	}
	c.server.Fault(salesPath, 1, anaplantest.WithExtraFields())
	if got := string(c.get(salesPath, token).want(200).body); got != "0123456789" {
		t.Errorf("with fields it is %q", got)
	}
	c.server.Fault(salesPath, 1, anaplantest.CutInside())
	if r, err := c.try("GET", salesPath, token, ""); err == nil {
		t.Errorf("cut, and yet whole: %q", r.body)
	}
}
