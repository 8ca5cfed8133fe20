package anaplantest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// What there is in the one tenant of the service. Anaplan's ids look like this.
const (
	WorkspaceID = "8a81948849b9c4e2014a30802f5a02e4"
	ModelID     = "08B4AFAF5DEA463999B0A5CBCC18DF69"
	ProcessID   = "118000000006"
)

// processAction is the one action of the process: it shows as its nested result.
const processAction = "112000000001"

// apiStatus is how the integration host words every answer (contract section 6).
type apiStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// apiFailure is a failure of the integration host.
func apiFailure(status int, reason string) answer {
	body := map[string]apiStatus{"status": {status, http.StatusText(status)}}
	return answer{status: status, body: body, reason: reason}
}

// notFound answers what no route takes.
func notFound(r *http.Request) answer {
	return apiFailure(http.StatusNotFound, "there is nothing of that method and path")
}

// apiEndpoint answers an integration request of a user who is known.
type apiEndpoint func(r *http.Request, user string) answer

// api lets an endpoint see only requests with a live token, within the tenant's
// rate, and for things that exist.
func (s *Service) api(next apiEndpoint) endpoint {
	return func(r *http.Request) answer {
		token, ok := bearer(r)
		if !ok {
			return apiFailure(http.StatusUnauthorized, "there is no AnaplanAuthToken header")
		}
		n, why := s.sessions.find(token, s.Now())
		if why != "" {
			return apiFailure(http.StatusUnauthorized, why)
		}
		// After the token is known to be live: the allowance is the tenant's, and
		// requests of strangers do not use it up.
		if wait := s.bucket.take(s.Now(), s.options.Burst, s.options.Refill); wait > 0 {
			s.tally.throttle()
			a := apiFailure(http.StatusTooManyRequests, "the tenant's requests are used up")
			// Seconds; what a date is like, a scripted fault shows.
			a.retryAfter = fmt.Sprint(wait)
			return a
		}
		if !exists(r) {
			return apiFailure(http.StatusNotFound, "there is no such workspace, model or process")
		}
		return next(r, n.user)
	}
}

// exists reports whether the ids in the path are those of this tenant.
func exists(r *http.Request) bool {
	for name, id := range map[string]string{"ws": WorkspaceID, "m": ModelID, "p": ProcessID} {
		// Hex digits, which clients write in either case.
		if got := r.PathValue(name); got != "" && !strings.EqualFold(got, id) {
			return false
		}
	}
	return true
}

// object is a JSON object.
type object map[string]any

// apiSuccess answers with one thing, such as "user", in Anaplan's envelope.
func apiSuccess(r *http.Request, schema, name string, value any) answer {
	return answer{status: http.StatusOK, body: object{
		"meta":   object{"schema": baseURL(r) + "/2/0/objects/" + schema},
		"status": apiStatus{http.StatusOK, "Success"},
		name:     value,
	}}
}

// apiList is apiSuccess for a list, which says how long it is.
func apiList(r *http.Request, schema, name string, items ...object) answer {
	a := apiSuccess(r, schema, name, items)
	a.body.(object)["meta"].(object)["paging"] = object{
		"currentPageSize": len(items), "totalSize": len(items), "offset": 0,
	}
	return a
}

// usersMe is GET /2/0/users/me.
func (s *Service) usersMe(r *http.Request, user string) answer {
	// Names are made up from the address, all that a certificate is sure to tell.
	local, _, _ := strings.Cut(user, "@")
	return apiSuccess(r, "user", "user", object{
		"id":            guidOf(user),
		"active":        true,
		"email":         user,
		"emailOptIn":    false,
		"firstName":     "Integration",
		"lastName":      local,
		"lastLoginDate": s.Now().UTC().Format("2006-01-02T15:04:05.000-0700"),
		"customerId":    guidOf("customer"),
	})
}

// workspaces is GET /2/0/workspaces.
func (s *Service) workspaces(r *http.Request, _ string) answer {
	return apiList(r, "workspace", "workspaces", object{
		"id": WorkspaceID, "name": "Emulated workspace", "active": true, "sizeAllowance": 1 << 30,
	})
}

// models is GET /2/0/models, and the same below a workspace.
func (s *Service) models(r *http.Request, _ string) answer {
	return apiList(r, "model", "models", object{
		"id": ModelID, "name": "Emulated model", "activeState": "UNLOCKED",
		"currentWorkspaceId": WorkspaceID, "currentWorkspaceName": "Emulated workspace",
	})
}

// processes is GET .../processes.
func (s *Service) processes(r *http.Request, _ string) answer {
	return apiList(r, "process", "processes", object{"id": ProcessID, "name": "Load actuals"})
}

// tasks counts how often each started task has been polled.
type tasks struct {
	mu    sync.Mutex
	polls map[string]int
}

// startTask is POST .../tasks.
// Two starts are two tasks: the process itself may run any number of times.
func (s *Service) startTask(r *http.Request, _ string) answer {
	id := make([]byte, 16)
	rand.Read(id)
	name := fmt.Sprintf("%X", id)
	s.tasks.start(name)
	return apiSuccess(r, "task", "task", object{"taskId": name})
}

// pollTask is GET .../tasks/{task}.
func (s *Service) pollTask(r *http.Request, _ string) answer {
	name := r.PathValue("task")
	poll, ok := s.tasks.poll(name)
	if !ok {
		return apiFailure(http.StatusNotFound, "there is no such task")
	}
	task := taskAt(poll)
	task["taskId"] = name
	return apiSuccess(r, "task", "task", task)
}

// start notes a task that nobody has polled.
func (k *tasks) start(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.polls == nil {
		k.polls = make(map[string]int)
	}
	k.polls[name] = 0
}

// poll returns how often the task was polled before.
func (k *tasks) poll(name string) (before int, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, ok = k.polls[name]
	if ok {
		k.polls[name]++
	}
	return before, ok
}

// taskAt is a task as each poll finds it: polls move it on and not time, so that
// tests see every state. The shape is that of Anaplan Connect's test data.
func taskAt(poll int) object {
	switch poll {
	case 0:
		return object{"taskState": "NOT_STARTED", "progress": 0.0}
	case 1:
		return object{"taskState": "IN_PROGRESS", "progress": 0.5, "currentStep": "Running."}
	}
	result := func(id string) object {
		return object{"objectId": id, "successful": true, "failureDumpAvailable": false}
	}
	whole := result(ProcessID)
	whole["nestedResults"] = []object{result(processAction)}
	return object{"taskState": "COMPLETE", "progress": 1.0, "currentStep": "Complete.", "result": whole}
}
