package integration

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
)

const (
	listingLife  = 5 * time.Minute  // how long a name is believed
	listingPause = 10 * time.Second // between two askings for what is not there
	listingTime  = time.Minute      // that a listing may take, with all attempts

	mostListings = 200
	mostInAll    = 400_000 // things in all listings, of some 100 bytes each
)

// errTooLong: a list did not come within listingTime.
var errTooLong = errors.New("the list did not come within a minute, as when a model is busy: Anaplan lets requests wait then")

// Catalog tells the names of ids, for policies that know things by their names. It keeps the
// lists that it has asked for. Any number of goroutines may use it.
type Catalog struct {
	client *Client

	mu       sync.Mutex
	listings map[listKey]*listing
	flights  map[listKey]*flight
	things   int // in all listings
}

// listKey is the list that a thing is in. The id is in lower case, and that of a model that there
// is.
type listKey struct{ kind, model string }

// listing is a list as it was once.
type listing struct {
	entries map[string]entry // by id in lower case
	asked   time.Time
	used    time.Time
}

// entry is one thing of a list.
type entry struct {
	id, name  string
	any       string // lookalike.Any of the name
	unique    string // what it is to Names: lookalike.Any of the name, the name, or ""
	workspace string // of a model
}

// flight is a list that is being asked for. Everything that waits for it shares it; when nothing
// does any more, it ends.
type flight struct {
	done    chan struct{} // closed when entries and err are there
	entries map[string]entry
	err     error
	waiting int
	cancel  context.CancelFunc
}

// NewCatalog returns a Catalog that asks by client.
func NewCatalog(client *Client) *Catalog {
	return &Catalog{client: client, listings: map[listKey]*listing{}, flights: map[listKey]*flight{}}
}

// Name returns the name of the thing with an id: of a process in a model, say, or, with kind
// "models" and no model, that of a model. kind is the segment of the list in a path, and so
// are workspace, model and id; workspace may be "" where the path tells none. Case does not matter
// in ids.
//
// The answer is lookalike.Any of the name, or the name as it is where others in its list look like it.
// "" and no error: there is no such id there, or the name is not the only one of that text in its
// list, and then it names nothing; of a model without a workspace, among all models. A name is
// believed for five minutes; what is not there is asked for again, but at most every ten seconds.
//
// Ids often come from clients that are not trusted. Only lists are asked for that Anaplan itself
// has told of: a thing's is looked for in its model, and that in the list of all models.
func (c *Catalog) Name(ctx context.Context, kind, workspace, model, id string) (name string, err error) {
	if !isID(id) || workspace != "" && !isID(workspace) {
		return "", nil
	}
	switch kind := Kind(kind); {
	case kind == Workspaces && workspace == "" && model == "":
		return c.name(ctx, listKey{kind: string(kind)}, "/2/0/workspaces", id)
	case kind == Models && model == "":
		return c.modelName(ctx, workspace, id)
	case slices.Contains([]Kind{Processes, Imports, Exports, Actions, Files, Lists, Views}, kind) && isID(model):
		return c.thingName(ctx, string(kind), workspace, model, id)
	}
	return "", nil
}

// modelsKey is the list of all models.
var modelsKey = listKey{kind: string(Models)}

// modelName returns the name of a model, if it is unique among all, or among those of the
// workspace, which must be the model's.
func (c *Catalog) modelName(ctx context.Context, workspace, id string) (string, error) {
	all, err := c.entries(ctx, modelsKey, "/2/0/models", id)
	if err != nil {
		return "", err
	}
	found, ok := all[strings.ToLower(id)]
	switch {
	case !ok:
		return "", nil
	case workspace == "":
		return found.unique, nil
	case !strings.EqualFold(found.workspace, workspace):
		return "", nil
	}
	same, alike := false, false
	for other, e := range all {
		if other != strings.ToLower(id) && strings.EqualFold(e.workspace, workspace) {
			same, alike = same || e.name == found.name, alike || e.any == found.any
		}
	}
	return found.as(same, alike), nil
}

// as is what a thing is to Names, where others are called the same, or look alike.
func (e entry) as(same, alike bool) string {
	switch {
	case e.name == "" || same:
		return ""
	case alike:
		return e.name
	}
	return e.any
}

// thingName returns the name of something in a model.
func (c *Catalog) thingName(ctx context.Context, kind, workspace, model, id string) (string, error) {
	models, err := c.entries(ctx, modelsKey, "/2/0/models", model)
	if err != nil {
		return "", err
	}
	home, ok := models[strings.ToLower(model)]
	if !ok || !isID(home.workspace) || workspace != "" && !strings.EqualFold(workspace, home.workspace) {
		return "", nil
	}
	key := listKey{kind, strings.ToLower(model)}
	return c.name(ctx, key, Model{ID: home.id, Workspace: Workspace{ID: home.workspace}}.Path()+"/"+kind, id)
}

// name returns the name of an id in a list, if it is unique there.
func (c *Catalog) name(ctx context.Context, key listKey, path, id string) (string, error) {
	all, err := c.entries(ctx, key, path, id)
	return all[strings.ToLower(id)].unique, err
}

// entries returns a list in which the id is, or as it was asked for just now. It is not to be
// changed.
func (c *Catalog) entries(ctx context.Context, key listKey, path, id string) (map[string]entry, error) {
	all, f := c.look(ctx, key, path, strings.ToLower(id))
	if f == nil {
		return all, nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	c.leave(key, f)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return f.entries, f.err
}

// look returns what is known, or else a flight to wait for.
func (c *Catalog) look(ctx context.Context, key listKey, path, id string) (all map[string]entry, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if l := c.listings[key]; l != nil && now.Sub(l.asked) < listingLife {
		l.used = now
		if _, there := l.entries[id]; there || now.Sub(l.asked) < listingPause {
			return l.entries, nil
		}
	}
	if f = c.flights[key]; f == nil {
		f = c.begin(ctx, key, path)
	}
	f.waiting++
	return nil, f
}

// begin starts a flight, which is not its first passenger's alone.
func (c *Catalog) begin(ctx context.Context, key listKey, path string) *flight {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), listingTime, errTooLong)
	f := &flight{done: make(chan struct{}), cancel: cancel}
	c.flights[key] = f
	go func() {
		defer cancel()
		asked := time.Now()
		all, err := c.client.list(ctx, path, key.kind)
		if refusal, ok := errors.AsType[*APIError](err); ok && refusal.Code == "" && refusal.Status == http.StatusNotFound {
			all, err = nil, nil // so nothing is in it
		}
		c.land(key, f, asked, all, err)
	}()
	return f
}

// land hands out what a flight has brought.
func (c *Catalog) land(key listKey, f *flight, asked time.Time, all []listed, err error) {
	defer close(f.done)
	f.entries, f.err = entriesOf(all), err
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[key] != f {
		return // nobody waits any more
	}
	delete(c.flights, key)
	if err != nil {
		return
	}
	c.drop(key)
	c.listings[key] = &listing{entries: f.entries, asked: asked, used: time.Now()}
	c.things += len(f.entries)
	for len(c.listings) > mostListings || c.things > mostInAll {
		c.drop(c.oldest())
	}
}

// leave ends a flight that nobody waits for any more.
func (c *Catalog) leave(key listKey, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.waiting--; f.waiting > 0 || c.flights[key] != f {
		return
	}
	delete(c.flights, key)
	f.cancel()
}

// drop forgets a listing.
func (c *Catalog) drop(key listKey) {
	if l := c.listings[key]; l != nil {
		c.things -= len(l.entries)
		delete(c.listings, key)
	}
}

// oldest is the listing that was not used for longest.
func (c *Catalog) oldest() (oldest listKey) {
	var since time.Time
	for key, l := range c.listings {
		if since.IsZero() || l.used.Before(since) {
			oldest, since = key, l.used
		}
	}
	return oldest
}

// entriesOf returns the things of a list by their ids. A name that two things have is not unique, and
// an id that comes with two names has none.
func entriesOf(all []listed) map[string]entry {
	entries := make(map[string]entry, len(all))
	bearers := make(map[string]string, 2*len(all)) // by name, and by how it looks: the id that has it; "": of two
	for _, l := range all {
		e := entry{id: string(l.ID), name: string(l.Name), workspace: string(l.WorkspaceID)}
		id := strings.ToLower(e.id)
		if known, twice := entries[id]; twice && known.name != e.name {
			e.name = ""
		}
		e.any = lookalike.Any(e.name)
		entries[id] = e
		for _, text := range []string{e.name, e.any} {
			if bearer, taken := bearers[text]; taken && bearer != id {
				bearers[text] = ""
			} else {
				bearers[text] = id
			}
		}
	}
	for id, e := range entries {
		e.unique = e.as(bearers[e.name] != id, bearers[e.any] != id)
		entries[id] = e
	}
	return entries
}
