package anaplantest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// maxTasks is how many tasks of a model are remembered.
const maxTasks = 10_000

// States of tasks (help.anaplan.com, "Check the status of the import action").
const (
	notStarted = "NOT_STARTED"
	inProgress = "IN_PROGRESS"
	complete   = "COMPLETE" // whether it succeeded or not
	cancelling = "CANCELLING"
	cancelled  = "CANCELLED"
)

// task is one run of a thing.
type task struct {
	id      string
	kind    string
	thing   *thing
	created int64 // Unix time in milliseconds
	outcome Outcome
	quick   bool // it ends at the first poll
	polls   int  // so far
	state   string
	result  object // once it is complete
}

// startTask is POST .../tasks.
// Two starts are two tasks: the thing itself may run any number of times.
func startTask(kind string) func(*call) answer {
	return func(c *call) answer {
		thing := c.model.find(kind, c.PathValue("id"))
		if thing == nil {
			return noSuch(singular(kind))
		}
		if err := checkStart(c.body); err != nil {
			return apiFailure(http.StatusBadRequest, err.Error())
		}
		id := make([]byte, 16)
		rand.Read(id)
		k := &task{id: fmt.Sprintf("%X", id), kind: kind, thing: thing, created: c.now.UnixMilli(), state: notStarted}
		k.outcome, _ = c.tenant.takeOutcome(thing.id)
		k.quick = c.tenant.options.QuickTasks && k.outcome.Polls == 0
		m := c.model
		m.tasks = append(m.tasks, k)
		m.tasks = slices.Delete(m.tasks, 0, max(0, len(m.tasks)-maxTasks))
		return c.success("task", object{"taskId": k.id})
	}
}

// counted counts the tasks that next starts.
func (s *Service) counted(next func(*call) answer) func(*call) answer {
	return func(c *call) answer {
		a := next(c)
		if a.status == http.StatusOK {
			s.tally.task()
		}
		return a
	}
}

// checkStart reads the body that starts a task: Anaplan answers 400 to one without
// localeName (its documentation of the integration API, where exports start), and wants
// it before the mapping parameters (help.anaplan.com, "Import with mapping data"). Connector
// parameters are those of Anaplan Connect.
func checkStart(body []byte) error {
	var order struct {
		LocaleName          string `json:"localeName"`
		ConnectorParameters []struct {
			ParameterID string `json:"parameterId"`
			Value       string `json:"value"`
		} `json:"connectorParameters"`
		MappingParameters []struct {
			EntityType string `json:"entityType"`
			EntityName string `json:"entityName"`
		} `json:"mappingParameters"`
	}
	if err := json.Unmarshal(body, &order); err != nil {
		return errors.New("the body is not the JSON that starts a task")
	}
	if order.LocaleName == "" {
		return errors.New("there is no localeName")
	}
	for _, p := range order.ConnectorParameters {
		if p.ParameterID == "" || p.Value == "" {
			return errors.New("a connector parameter lacks its parameterId or value")
		}
	}
	for _, p := range order.MappingParameters {
		if p.EntityType == "" || p.EntityName == "" {
			return errors.New("a mapping parameter lacks its entityType or entityName")
		}
	}
	mapping := bytes.Index(body, []byte(`"mappingParameters"`))
	locale := bytes.Index(body, []byte(`"localeName"`))
	if mapping >= 0 && mapping < locale {
		return errors.New("localeName does not come before mappingParameters")
	}
	return nil
}

// listTasks is GET .../tasks: oldest first, or newest first with sort=-creationTime.
func listTasks(kind string) func(*call) answer {
	return func(c *call) answer {
		thing := c.model.find(kind, c.PathValue("id"))
		if thing == nil {
			return noSuch(singular(kind))
		}
		var items []object
		for _, k := range c.model.tasks {
			if k.thing == thing {
				items = append(items, object{"taskId": k.id, "taskState": k.state, "creationTime": k.created})
			}
		}
		if c.URL.Query().Get("sort") == "-creationTime" {
			slices.Reverse(items)
		}
		return c.page("task", "tasks", items)
	}
}

// withTask lets next see requests for tasks that exist, of the thing of the path.
func withTask(kind string, next func(*call) answer) func(*call) answer {
	return func(c *call) answer {
		for _, k := range c.model.tasks {
			if k.id == c.PathValue("task") && k.kind == kind && k.thing.id == c.PathValue("id") {
				c.task = k
				return next(c)
			}
		}
		return noSuch("task")
	}
}

// pollTask is GET .../tasks/{task}.
// Polls move a task on and not time, so that tests see every state and wait for none.
func pollTask(c *call) answer {
	k := c.task
	switch k.state {
	case cancelling:
		k.state = cancelled
	case notStarted, inProgress:
		c.tenant.advance(c.model, k)
	}
	return c.success("task", k.described())
}

// advance moves a task on by a poll.
func (t *tenant) advance(m *model, k *task) {
	k.polls++
	switch total := k.outcome.polls(); {
	case !k.quick && (total < 0 || k.polls <= total):
		// The first poll finds that it waits.
		if k.polls > 1 {
			k.state = inProgress
		}
	case k.outcome.Cancelled:
		k.state = cancelled
	default:
		k.state = complete
		k.result = t.run(m, k).described()
	}
}

// cancelTask is DELETE .../tasks/{task}. Anaplan Connect reads a task from the answer.
// What has ended stays as it is.
func cancelTask(c *call) answer {
	if c.task.state == notStarted || c.task.state == inProgress {
		c.task.state = cancelling
	}
	return c.success("task", c.task.described())
}

// described is a task as its own request tells it. The shape is that of Anaplan
// Connect's test data.
func (k *task) described() object {
	o := object{"taskId": k.id, "taskState": k.state, "creationTime": k.created, "progress": k.progress()}
	steps := map[string]string{
		inProgress: "Running.", complete: "Complete.", cancelling: "Cancelling.", cancelled: "Cancelled.",
	}
	if step, ok := steps[k.state]; ok {
		o["currentStep"] = step
	}
	if k.result != nil {
		o["result"] = k.result
	}
	return o
}

// progress is how much of a task is done.
func (k *task) progress() float64 {
	switch {
	case k.state == complete:
		return 1
	case k.state == notStarted:
		return 0
	case k.outcome.polls() < 0:
		return 0.5
	}
	return float64(k.polls-1) / float64(k.outcome.polls())
}

// dump is what a task left out, and why.
type dump struct {
	task   string
	chunks [][]byte
}

// dump returns the dump of the path: that of the action of a process, or that of the
// thing itself. There is one for each thing, of its latest run (help.anaplan.com,
// "Check the dump file for failures").
func (c *call) dump() [][]byte {
	object := c.PathValue("object")
	if object == "" {
		object = c.task.thing.id
	}
	if d := c.model.dumps[object]; d.task == c.task.id {
		return d.chunks
	}
	return nil
}

// getDump is GET .../tasks/{task}/dump, and .../dumps/{object}.
func getDump(c *call) answer { return sendWhole(c.dump()) }

// listDump is GET .../tasks/{task}/dump/chunks, and .../dumps/{object}/chunks.
func listDump(c *call) answer {
	chunks := c.dump()
	if chunks == nil {
		return noSuch("dump")
	}
	return c.pageChunks(len(chunks))
}

// getDumpChunk is GET .../tasks/{task}/dump/chunks/{n}, and likewise below .../dumps.
func getDumpChunk(c *call) answer { return sendChunk(c, c.dump()) }
