package anaplantest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

const (
	modelsPath    = "/2/0/workspaces/" + anaplantest.WorkspaceID + "/models"
	processesPath = modelsPath + "/" + anaplantest.ModelID + "/processes"
	tasksPath     = processesPath + "/" + anaplantest.ProcessID + "/tasks"
)

// apiAnswer is what the tests read of the integration host.
type apiAnswer struct {
	Meta struct {
		Schema string `json:"schema"`
		Paging struct {
			TotalSize int `json:"totalSize"`
		} `json:"paging"`
	} `json:"meta"`
	Status struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
	User       map[string]any   `json:"user"`
	Workspaces []map[string]any `json:"workspaces"`
	Models     []map[string]any `json:"models"`
	Processes  []map[string]any `json:"processes"`
	Task       struct {
		TaskID    string  `json:"taskId"`
		TaskState string  `json:"taskState"`
		Progress  float64 `json:"progress"`
		Result    *struct {
			ObjectID      string           `json:"objectId"`
			Successful    bool             `json:"successful"`
			NestedResults []map[string]any `json:"nestedResults"`
		} `json:"result"`
	} `json:"task"`
}

func (r reply) api() apiAnswer {
	r.t.Helper()
	var a apiAnswer
	r.decode(&a)
	if a.Status.Code != r.status {
		r.t.Errorf("status object says %d, the answer is %d", a.Status.Code, r.status)
	}
	return a
}

func TestUsersMe(t *testing.T) {
	c := newCaller(t, nil)
	a := c.get("/2/0/users/me", c.token()).want(200).api()
	if a.User["email"] != "integration@example.com" || a.User["active"] != true || a.Status.Message != "Success" {
		t.Errorf("answer %+v", a)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000-0700", a.User["lastLoginDate"].(string)); err != nil {
		t.Error(err)
	}
	valid := c.get("/token/validate", c.token()).token()
	if a.User["id"] != valid.UserInfo.UserGUID {
		t.Error("users/me and validate know the user by different ids")
	}
}

func TestLists(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for path, want := range map[string][]string{
		"/2/0/workspaces": {anaplantest.WorkspaceID, anaplantest.FinanceID},
		"/2/0/models":     {anaplantest.ModelID, anaplantest.PlanID},
		modelsPath:        {anaplantest.ModelID},
		processesPath:     {anaplantest.ProcessID},
	} {
		a := c.get(path, token).want(200).api()
		var got []string
		for _, item := range slices.Concat(a.Workspaces, a.Models, a.Processes) {
			got = append(got, item["id"].(string))
		}
		if diff := cmp.Diff(want, got); diff != "" || a.Meta.Paging.TotalSize != len(want) {
			t.Errorf("%s lists another %d: %s", path, a.Meta.Paging.TotalSize, diff)
		}
	}
}

// A process runs through the states that Anaplan's tasks have.
func TestProcess(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	task := c.do("POST", tasksPath, token, `{"localeName":"en_US"}`).want(200).api().Task.TaskID
	var states []string
	for range 4 {
		got := c.get(tasksPath+"/"+task, token).want(200).api().Task
		states = append(states, got.TaskState)
		done := got.TaskState == "COMPLETE"
		if got.TaskID != task || done != (got.Result != nil) || done != (got.Progress == 1) {
			t.Errorf("task %+v", got)
		}
		if done && (!got.Result.Successful || got.Result.ObjectID != anaplantest.ProcessID || len(got.Result.NestedResults) != 1) {
			t.Errorf("result %+v", got.Result)
		}
	}
	if diff := cmp.Diff([]string{"NOT_STARTED", "IN_PROGRESS", "COMPLETE", "COMPLETE"}, states); diff != "" {
		t.Error(diff)
	}
}

func TestAPIRefusals(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	for _, test := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/2/0/users/me", "", 401},
		{"GET", "/2/0/users/me", "AnaplanAuthToken unknown", 401},
		{"POST", tasksPath, "", 401},
		{"GET", "/2/0/workspaces/other/models", token, 404},
		{"GET", modelsPath + "/other/processes", token, 404},
		{"POST", processesPath + "/other/tasks", token, 404},
		{"GET", tasksPath + "/other", token, 404},
		{"GET", "/2/0/unknown", token, 404},
		{"DELETE", "/2/0/users/me", token, 404},
		{"GET", "/", "", 404},
	} {
		c.do(test.method, test.path, test.token, "").want(test.status).api()
	}
}

// The bucket holds 600 requests and gains 10 a second (contract section 6).
func TestRateLimit(t *testing.T) {
	now := time.Now()
	c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return now }, Burst: 3, Refill: 2})
	token := c.token()
	spend := func(n int) {
		t.Helper()
		for range n {
			c.get("/2/0/users/me", token).want(200)
		}
		limited := c.get("/2/0/users/me", token).want(429)
		if got := limited.header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After %q, want 1", got)
		}
	}
	spend(3)
	now = now.Add(time.Second)
	spend(2)
	now = now.Add(-time.Hour) // a clock set back gives nothing and breaks nothing
	spend(0)
	now = now.Add(24 * time.Hour)
	token = c.token()
	spend(3)
	if got := c.server.Counts().Throttled; got != 4 {
		t.Errorf("%d throttled, want 4", got)
	}
	c.get("/token/validate", token).want(200)
}

func TestDefaultRate(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	cert := c.server.Enroll(rsaKey().Public(), &anaplantest.IssueOptions{NotAfter: time.Unix(1_900_000_000, 0)})
	token := "AnaplanAuthToken " + c.login(cert).want(201).token().TokenInfo.TokenValue
	for range 600 {
		c.get("/2/0/workspaces", token).want(200)
	}
	c.get("/2/0/workspaces", token).want(429)
}
