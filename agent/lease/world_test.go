package lease_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/lease"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// server is a store on virtual time, of which each member has a client.
type server struct {
	hasClock bool

	mu       sync.Mutex
	stored   *record.Stored // nil: none
	renewed  time.Time
	ahead    time.Duration // of its clock
	writes   int
	down     bool
	readOnly bool
}

// client is one member's way to the server.
type client struct {
	*server
	cut   bool          // there is none
	delay time.Duration // of each answer
	deaf  bool          // answers get lost, what was asked is done
	late  time.Duration // of the answer to a write that is done
}

var errAway = errors.New("the store is away")

func (c *client) reach(ctx context.Context) error {
	c.mu.Lock()
	delay, away := c.delay+time.Millisecond, c.cut || c.down
	c.mu.Unlock()
	if away {
		return errAway
	}
	select {
	case <-time.After(delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *client) Read(ctx context.Context) (record.Stored, error) {
	if err := c.reach(ctx); err != nil {
		return record.Stored{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.deaf:
		return record.Stored{}, errAway
	case c.stored == nil:
		return record.Stored{}, record.ErrNone
	}
	return c.timed(), nil
}

func (c *client) Write(ctx context.Context, version string, new record.Record) (record.Stored, error) {
	if err := c.reach(ctx); err != nil {
		return record.Stored{}, err
	}
	stored, err := c.put(version, new)
	if err != nil || c.late == 0 {
		return stored, err
	}
	select {
	case <-time.After(c.late):
		return stored, nil
	case <-ctx.Done():
		return record.Stored{}, ctx.Err()
	}
}

func (c *client) put(version string, new record.Record) (record.Stored, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readOnly {
		return record.Stored{}, errors.New("the store is read-only")
	}
	if version == "" && c.stored != nil || version != "" && (c.stored == nil || c.stored.Version != version) {
		return record.Stored{}, record.ErrChanged
	}
	c.writes++
	c.stored = &record.Stored{Record: new, Version: strconv.Itoa(c.writes), Beat: strconv.Itoa(c.writes)}
	c.renewed = time.Now().Add(c.ahead)
	if c.deaf {
		return record.Stored{}, errAway
	}
	return c.timed(), nil
}

func (c *client) Close() {}

func (s *server) timed() record.Stored {
	stored := *s.stored
	if s.hasClock {
		stored.HasClock, stored.Left = true, stored.Duration-time.Now().Add(s.ahead).Sub(s.renewed)
	}
	return stored
}

// set changes something that the members use.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) now() record.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stored == nil {
		return record.Record{}
	}
	return s.stored.Record
}

// count returns how often something was written.
func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// member takes part in an election.
type member struct {
	*lease.Lease
	name   string
	client *client
	end    func() // ends it, and waits for that
}

// static is an Election that goes by an order: the first leads that has not refused.
type static struct {
	own     string
	order   []string
	mu      sync.Mutex
	refused map[string]bool
	changed chan struct{}
}

func (s *static) Run(ctx context.Context)  { <-ctx.Done() }
func (s *static) SetFit(*agent.Problem)    {}
func (s *static) Recheck(string)           {}
func (s *static) Changed() <-chan struct{} { return s.changed }

func (s *static) Suspect(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[address] = true
}

func (s *static) View() fleet.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, address := range s.order {
		if !s.refused[address] {
			return fleet.View{Address: address, Self: address == s.own, Why: "it is the first of the members"}
		}
	}
	return fleet.View{}
}

// world has members who begin at the same time.
type world struct {
	*testing.T
	*server
	members map[string]*member
}

// inWorld runs a test in a bubble, with a store that has a clock and one that has none.
func inWorld(t *testing.T, test func(w *world)) {
	for _, hasClock := range []bool{true, false} {
		t.Run(fmt.Sprintf("clock=%v", hasClock), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &world{T: t, server: &server{hasClock: hasClock}, members: map[string]*member{}}
				defer func() {
					for _, one := range w.members {
						one.end()
					}
				}()
				test(w)
			})
		})
	}
}

// start starts members, and waits until they agree.
func (w *world) start(names ...string) {
	w.Helper()
	for _, name := range names {
		w.join(name, name+":1", nil)
	}
	w.within(time.Second, "a leader", w.agree)
}

func (w *world) join(name, address string, fallback fleet.Election) *member {
	one := &member{name: name, client: &client{server: w.server}}
	one.Lease = lease.New(one.client, lease.Config{
		Name: name, Address: address, Fallback: fallback, AuditHead: func() string { return "head of " + name },
	})
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		one.Run(ctx)
	}()
	one.end = func() { cancel(); <-ended }
	w.members[name] = one
	return one
}

// kill ends a member that can tell nobody.
func (w *world) kill(name string) *member {
	one := w.members[name]
	w.set(func() { one.client.cut = true })
	one.end()
	delete(w.members, name)
	return one
}

// within waits for something, and returns how long that took.
func (w *world) within(most time.Duration, what string, is func() bool) time.Duration {
	w.Helper()
	began := time.Now()
	for synctest.Wait(); !is(); synctest.Wait() {
		if time.Since(began) > most {
			w.Fatalf("not within %v: %s; the views: %v, the record: %+v", most, what, w.views(), w.now())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func (w *world) views() (all []string) {
	for name, one := range w.members {
		all = append(all, fmt.Sprintf("%s: %+v", name, one.View()))
	}
	return all
}

// leaders returns who leads, by their own view.
func (w *world) leaders() (all []string) {
	for name, one := range w.members {
		if one.View().Self {
			all = append(all, name)
		}
	}
	return all
}

// agree: there is one leader, and everybody knows it.
func (w *world) agree() bool {
	leaders := w.leaders()
	if len(leaders) != 1 {
		return false
	}
	want := w.members[leaders[0]].View()
	for _, one := range w.members {
		if view := one.View(); view.Address != want.Address || view.Epoch != want.Epoch || view.Why != want.Why || view.Trouble != nil {
			return false
		}
	}
	return true
}

// leader returns who leads, where all agree.
func (w *world) leader() *member {
	w.Helper()
	synctest.Wait()
	if !w.agree() {
		w.Fatalf("they do not agree: %v", w.views())
	}
	return w.members[w.leaders()[0]]
}

// other returns a member that does not lead.
func (w *world) other() *member {
	for _, one := range w.members {
		if !one.View().Self {
			return one
		}
	}
	w.Fatal("all lead")
	return nil
}

// always checks something for a while.
func (w *world) always(during time.Duration, what string, is func() bool) {
	w.Helper()
	for began := time.Now(); time.Since(began) < during; time.Sleep(50 * time.Millisecond) {
		synctest.Wait()
		if !is() {
			w.Fatalf("after %v not any more: %s; the views: %v", time.Since(began), what, w.views())
		}
	}
}
