package anaplantest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What there is in the one tenant of the service. Anaplan's ids look like this. Those
// of workspaces and models are unique; the two models use the same ids for the things
// in them, as Anaplan's models do.
const (
	WorkspaceID = "8a81948849b9c4e2014a30802f5a02e4" // "Emulated workspace"
	ModelID     = "08B4AFAF5DEA463999B0A5CBCC18DF69" // "Emulated model", in it
	ProcessID   = "118000000006"                     // "Load actuals", in that

	FinanceID = "8a8196b15b7dbae6015b8694411d13fe" // the workspace "Finance"
	PlanID    = "6D203BA7549241C7BEE26C93DE987F12" // the model "Plan", in it
)

// ErrNoSuchThing: the tenant has nothing of that name or id.
var ErrNoSuchThing = errors.New("there is no such thing in the emulated tenant")

// actionKinds are the kinds of things that can be run, as paths name them.
func actionKinds() []string { return []string{"imports", "exports", "actions", "processes"} }

// singular is what one thing of a kind is called.
func singular(kind string) string {
	if kind == "processes" {
		return "process"
	}
	return strings.TrimSuffix(kind, "s")
}

// tenant is all that the integration API works on.
type tenant struct {
	options *Options

	// mu guards what is below. Bodies are read before it is taken and sent after it
	// is given back.
	mu         sync.Mutex
	workspaces []*workspace
	outcomes   []plannedOutcome
}

// workspace holds models.
type workspace struct {
	thing
	models []*model
}

// model holds everything else.
type model struct {
	thing
	home  *workspace
	kinds map[string][]*thing // by the kind's name in paths
	tasks []*task             // oldest first
	dumps map[string]dump     // by the id of the thing that rejected something
	reads []*read             // large lists and views being read, oldest first
	state *ModelState         // why it does not answer as ever; nil: it does
}

// thing is what has an id and a name.
type thing struct {
	id, name string
	fields   object    // what lists tell beside them
	source   string    // an import's file; "": it reads none
	actions  []string  // a process's, in their order
	file     *file     // of a file
	list     *itemList // of a list
	within   string    // the module of a view or a line item
}

// find returns the thing of that id; nil if there is none.
func (m *model) find(kind, id string) *thing {
	for _, t := range m.kinds[kind] {
		if t.id == id {
			return t
		}
	}
	return nil
}

// findAction is find for an id whose kind is not known.
func (m *model) findAction(id string) (kind string, t *thing) {
	for _, kind := range actionKinds() {
		if t := m.find(kind, id); t != nil {
			return kind, t
		}
	}
	return "", nil
}

// all returns every model.
func (t *tenant) all() []*model {
	var models []*model
	for _, w := range t.workspaces {
		models = append(models, w.models...)
	}
	return models
}

// named returns the things of that name, wherever they are.
func (t *tenant) named(name string) []*thing {
	var found []*thing
	note := func(candidates ...*thing) {
		for _, c := range candidates {
			if c.name == name {
				found = append(found, c)
			}
		}
	}
	for _, w := range t.workspaces {
		note(&w.thing)
	}
	for _, m := range t.all() {
		note(&m.thing)
		for _, list := range m.kinds {
			note(list...)
		}
	}
	return found
}

// Rename gives the workspace, the model, or the thing in a model of one name another
// one. It may be a name that is there already: Anaplan allows that too. An export and
// its file have one name, so both get the new one.
func (t *tenant) Rename(name, to string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.named(name)
	for _, thing := range found {
		thing.name = to
	}
	if len(found) == 0 {
		return fmt.Errorf("%w: %q", ErrNoSuchThing, name)
	}
	return nil
}

// call is a request to the tenant.
type call struct {
	*http.Request
	tenant    *tenant
	now       time.Time
	body      []byte     // unpacked, if it came packed
	workspace *workspace // the one in the path, if there is one
	model     *model     // likewise
	task      *task      // likewise, where withTask is asked to find it
}

// inTenant lets next see requests of known users, for workspaces and models that exist, while
// nothing else works on the tenant.
func (s *Service) inTenant(next func(*call) answer) endpoint {
	return s.api(func(r *http.Request, _ string) answer {
		body, failed := readBody(r, s.options.MaxChunk)
		if failed != nil {
			return *failed
		}
		t := s.tenant
		c := &call{Request: r, tenant: t, now: s.Now(), body: body}
		if !t.locate(c) {
			return noSuch("workspace or model")
		}
		if c.insideModel() {
			if held := s.attend(r.Context(), c.model); held != nil {
				return *held
			}
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		return next(c)
	})
}

// insideModel reports whether a request is for something in a model, so that the model must work.
func (c *call) insideModel() bool {
	return c.model != nil && !strings.HasSuffix(c.Pattern, "/models/{m}") && !strings.HasSuffix(c.Pattern, "/models/{m}/status")
}

// noSuch answers a request for what there is not.
func noSuch(what string) answer {
	return apiFailure(http.StatusNotFound, "there is no such "+what)
}

// locate finds the workspace and the model of the path; false if there is one in it
// that does not exist. Anaplan tells small letters in ids from capitals; the service
// does not.
func (t *tenant) locate(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	ws, m := c.PathValue("ws"), c.PathValue("m")
	for _, w := range t.workspaces {
		if strings.EqualFold(w.id, ws) {
			c.workspace = w
		}
	}
	for _, candidate := range t.all() {
		if strings.EqualFold(candidate.id, m) && (ws == "" || candidate.home == c.workspace) {
			c.model = candidate
		}
	}
	return (ws == "" || c.workspace != nil) && (m == "" || c.model != nil)
}

// schema is the schema of a kind of thing: those in models have theirs below the
// model (Anaplan Connect's test data).
func (c *call) schema(kind string) string {
	if c.model == nil || kind == "model" {
		return "objects/" + kind
	}
	return "models/" + c.model.id + "/objects/" + kind
}

// success answers with one thing of a kind, under that name.
func (c *call) success(kind string, value any) answer {
	return apiSuccess(c.Request, c.schema(kind), kind, value)
}

// described is a workspace as lists and the request for it alone tell it.
func (w *workspace) described() object {
	return object{"id": w.id, "name": w.name, "active": true, "sizeAllowance": 1 << 30, "currentSize": 1 << 20}
}

// described is a model likewise.
func (m *model) described(now time.Time) object {
	return object{
		"id": m.id, "name": m.name, "activeState": m.activeState(now),
		"currentWorkspaceId": m.home.id, "currentWorkspaceName": m.home.name,
		"modelUrl":       "https://anaplan.example/rt?selectedWorkspaceId=" + m.home.id + "&selectedModelId=" + m.id,
		"categoryValues": []object{},

		// anaplan-sdk takes no model without these.
		"isoCreationDate":        "2024-01-15T09:30:00.000+0000",
		"lastModified":           "2024-02-20T16:45:00.000+0000",
		"lastModifiedByUserGuid": guidOf("modeller"),
		"lastSavedSerialNumber":  42,
	}
}

// described is a thing in a model, as lists tell it.
func (t *thing) described() object {
	o := object{"id": t.id, "name": t.name}
	maps.Copy(o, t.fields)
	if t.file != nil {
		o["chunkCount"] = len(t.file.content)
	}
	return o
}

// listWorkspaces is GET /2/0/workspaces.
func listWorkspaces(c *call) answer {
	var items []object
	for _, w := range c.tenant.workspaces {
		items = append(items, w.described())
	}
	return c.page("workspace", "workspaces", items)
}

// getWorkspace is GET /2/0/workspaces/{ws}.
func getWorkspace(c *call) answer { return c.success("workspace", c.workspace.described()) }

// listModels is GET /2/0/models, and the same below a workspace.
func listModels(c *call) answer {
	models := c.tenant.all()
	if c.workspace != nil {
		models = c.workspace.models
	}
	var items []object
	for _, m := range models {
		items = append(items, m.described(c.tenant.options.Now()))
	}
	return c.page("model", "models", items)
}

// getModel is GET /2/0/models/{m}, and the same below a workspace.
func getModel(c *call) answer { return c.success("model", c.model.described(c.tenant.options.Now())) }

// list is GET .../files, .../imports and so on.
func list(kind string) func(*call) answer {
	return func(c *call) answer {
		var items []object
		for _, thing := range c.model.kinds[kind] {
			items = append(items, thing.described())
		}
		return c.page(singular(kind), kind, items)
	}
}
