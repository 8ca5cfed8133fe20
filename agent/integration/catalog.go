package integration

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	listingLife  = 5 * time.Minute  // how long a name is believed
	listingPause = 10 * time.Second // between two askings for what is not there
	listingTime  = time.Minute      // that a listing may take, with all attempts

	mostListings = 200
	mostInAll    = 400_000 // things in all listings, of some 100 bytes each
)

// errTooLong: a list did not come within listingTime.
var errTooLong = errors.New("the list did not come within a minute")

// Catalog tells the names of ids, for policies that know things by their names. It keeps the
// lists that it has asked for. Any number of goroutines may use it.
type Catalog struct {
	client *Client

	mu       sync.Mutex
	listings map[listKey]*listing
	flights  map[listKey]*flight
	things   int // in all listings
}

// listKey is the list that a thing is in. Ids are in lower case.
type listKey struct{ kind, workspace, model string }

// listing is a list as it was once.
type listing struct {
	names map[string]string // by id in lower case; "": the name is not unique
	asked time.Time
	used  time.Time
}

// flight is a list that is being asked for. Who waits for it shares it; when nobody does any
// more, it ends.
type flight struct {
	done    chan struct{} // closed when names and err are there
	names   map[string]string
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
// are workspace, model and id; workspace may be "" where the path tells none. Case is of no account in ids.
//
// "" and no error: there is no such id there, or the name is not the only one of that text
// in its list, and then it names nothing. A name is believed for five minutes; what is not
// there is asked for again, but at most every ten seconds.
func (c *Catalog) Name(ctx context.Context, kind, workspace, model, id string) (name string, err error) {
	path, ok := listPath(Kind(kind), workspace, model)
	if !ok || !isID(id) {
		return "", nil
	}
	key, id := listKey{kind, strings.ToLower(workspace), strings.ToLower(model)}, strings.ToLower(id)
	name, known, f := c.look(ctx, key, path, id)
	if known {
		return name, nil
	}
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	c.leave(key, f)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return f.names[id], f.err
}

// listPath returns the path of a list; ok is false if there is none, as for ids that are none,
// which must not get into a path.
func listPath(kind Kind, workspace, model string) (path string, ok bool) {
	if workspace != "" && !isID(workspace) || model != "" && !isID(model) {
		return "", false
	}
	switch kind {
	case Workspaces:
		return "/2/0/workspaces", workspace == "" && model == ""
	case Models:
		if workspace != "" {
			return "/2/0/workspaces/" + workspace + "/models", model == ""
		}
		return "/2/0/models", model == ""
	case Processes, Imports, Exports, Actions, Files:
		return Model{ID: model, Workspace: Workspace{ID: workspace}}.path() + "/" + string(kind), model != ""
	}
	return "", false
}

// look returns what is known, or else a flight to wait for.
func (c *Catalog) look(ctx context.Context, key listKey, path, id string) (name string, known bool, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if l := c.listings[key]; l != nil && now.Sub(l.asked) < listingLife {
		l.used = now
		if name = l.names[id]; name != "" || now.Sub(l.asked) < listingPause {
			return name, true, nil
		}
	}
	if f = c.flights[key]; f == nil {
		f = c.begin(ctx, key, path)
	}
	f.waiting++
	return "", false, f
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
	f.names, f.err = uniqueNames(all), err
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
	c.listings[key] = &listing{names: f.names, asked: asked, used: time.Now()}
	c.things += len(f.names)
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
		c.things -= len(l.names)
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

// uniqueNames returns the names by their ids. A name that two things have is none, and so is
// that of an id which comes with two.
func uniqueNames(all []listed) map[string]string {
	names := make(map[string]string, len(all))
	bearers := make(map[string]string, len(all)) // by name: the id of one that has it
	for _, l := range all {
		id, name := strings.ToLower(string(l.ID)), string(l.Name)
		if known, twice := names[id]; twice && known != name {
			name = ""
		}
		names[id] = name
		if bearer, taken := bearers[name]; taken && bearer != id {
			bearers[name] = ""
		} else {
			bearers[name] = id
		}
	}
	for id, name := range names {
		if bearers[name] != id {
			names[id] = ""
		}
	}
	return names
}
