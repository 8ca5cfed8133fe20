package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// company is members that reach each other in memory, on virtual time.
type company struct {
	t     *testing.T
	names []string

	mu   sync.Mutex
	all  map[string]*Order // nil: it is down
	ends map[string]func()
	fits map[string]*agent.Problem
	cut  map[string]bool // "a b": a does not reach b
	cold map[string]bool // takes connections, and answers nothing
	runs sync.WaitGroup
}

// run has a test with members, of which none is started.
func run(t *testing.T, names string, test func(c *company)) {
	synctest.Test(t, func(t *testing.T) {
		c := &company{t: t, names: strings.Fields(names), all: map[string]*Order{}, ends: map[string]func(){}, fits: map[string]*agent.Problem{}, cut: map[string]bool{}, cold: map[string]bool{}}
		test(c)
		for _, name := range c.names {
			c.kill(name)
		}
		c.runs.Wait()
	})
}

func (c *company) start(names ...string) {
	for _, name := range names {
		ctx, end := context.WithCancel(c.t.Context())
		peers := NewPeers(PeersConfig{Self: name, Members: c.names, Probe: func(ctx context.Context, address string) (local.Member, error) {
			return c.probe(ctx, name, address)
		}})
		order := NewOrder(peers, nil)
		if view := order.View(); view.Address != "" {
			c.t.Errorf("before it has asked: %+v", view)
		}
		c.mu.Lock()
		c.all[name], c.ends[name], c.fits[name] = order, end, nil
		c.mu.Unlock()
		c.runs.Go(func() { peers.Run(ctx) })
		c.runs.Go(func() { order.Run(ctx) })
	}
}

// kill ends a member at once. Its Run may give the lead away, which nobody hears.
func (c *company) kill(name string) {
	c.mu.Lock()
	end := c.ends[name]
	c.all[name], c.ends[name] = nil, nil
	c.mu.Unlock()
	if end != nil {
		end()
	}
}

func (c *company) probe(ctx context.Context, from, to string) (local.Member, error) {
	c.mu.Lock()
	order, fit, isCut, isCold := c.all[to], c.fits[to], c.cut[from+" "+to], c.cold[to]
	c.mu.Unlock()
	switch {
	case isCut, isCold:
		<-ctx.Done()
		return local.Member{}, errors.New("it has not answered")
	case order == nil:
		return local.Member{}, errRefused
	}
	view := order.View()
	member := local.Member{Address: to, Version: "1", Time: time.Now(), Fit: fit == nil, Leads: view.Self}
	if fit != nil {
		member.Problem = fit.Message
	}
	return member, nil
}

func (c *company) setFit(name string, problem *agent.Problem) {
	c.mu.Lock()
	c.fits[name] = problem
	order := c.all[name]
	c.mu.Unlock()
	order.SetFit(problem)
}

// wants fails the test unless all members take that one for the leader.
func (c *company) wants(when, leader string) {
	c.t.Helper()
	synctest.Wait()
	var got []string
	for _, name := range c.names {
		if order := c.all[name]; order != nil {
			got = append(got, fmt.Sprintf("%s: %s", name, order.View().Address))
			if view := order.View(); view.Address != leader || view.Self != (leader == name) || view.Since.IsZero() || view.Why == "" {
				defer c.t.Errorf("%s: %s has %+v, want %s", when, name, view, leader)
			}
		}
	}
	c.t.Logf("%s: %s", when, strings.Join(got, ", "))
}

func TestFirstLeads(t *testing.T) {
	run(t, "a b c", func(c *company) {
		c.start("a", "b", "c")
		time.Sleep(2 * time.Second)
		c.wants("at the start", "a")
		if why := c.all["b"].View().Why; why != "it is the first of the members" {
			t.Error(why)
		}
	})
}

// The next takes over at once where somebody has found the port closed, and within two seconds where
// nobody calls. The first leads again after a minute, and not before, also by its own view.
func TestKilledAndBack(t *testing.T) {
	run(t, "a b c", func(c *company) {
		c.start("a", "b", "c")
		time.Sleep(2 * time.Second)
		c.wants("before the kill", "a")
		changed := c.all["b"].Changed()
		c.kill("a")
		c.all["b"].Suspect("a")
		if view := c.all["b"].View(); !view.Self || !strings.Contains(view.Why, "a: the connection was refused") {
			t.Errorf("at once: %+v", view)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody is told")
		}
		time.Sleep(2 * time.Second)
		c.wants("after the kill", "b")
		c.start("a")
		time.Sleep(2 * time.Second)
		c.wants("when it is back", "b")
		if why := c.all["b"].View().Why; !strings.Contains(why, "a is back") {
			t.Error(why)
		}
		time.Sleep(backAfter)
		c.wants("a minute later", "a")
	})
}

func TestFrozenAndBack(t *testing.T) {
	run(t, "a b", func(c *company) {
		c.start("a", "b")
		time.Sleep(2 * time.Second)
		c.mu.Lock()
		c.cold["a"] = true
		c.mu.Unlock()
		time.Sleep(probeEvery + probeTime + 100*time.Millisecond)
		if view := c.all["b"].View(); !view.Self {
			t.Errorf("the lead is not taken over: %+v", view)
		}
		c.mu.Lock()
		c.cold["a"] = false
		c.mu.Unlock()
		time.Sleep(2 * time.Second) // two lead, and the later one gives way
		c.wants("when it is back", "a")
	})
}

// A member whose key fails gives the lead away, and tells all why. It has it again a minute later.
func TestUnfit(t *testing.T) {
	run(t, "a b c", func(c *company) {
		c.start("a", "b", "c")
		time.Sleep(2 * time.Second)
		c.setFit("a", agent.Problemf(agent.CodeDeviceAbsent, "no such token"))
		if view := c.all["a"].View(); view.Address != "b" {
			t.Errorf("the lead is not given away at once: %+v", view)
		}
		time.Sleep(2 * time.Second)
		c.wants("without a key", "b")
		if why := c.all["c"].View().Why; why != "a cannot: no such token" {
			t.Error(why)
		}
		c.setFit("a", nil)
		time.Sleep(5 * time.Second)
		c.wants("with its key", "b")
		time.Sleep(backAfter)
		c.wants("a minute later", "a")
		for _, name := range c.names {
			c.setFit(name, agent.Problemf(agent.CodeLocked, "locked"))
		}
		time.Sleep(2 * time.Second)
		leaders := 0
		for _, order := range c.all {
			if order.View().Self {
				leaders++
			}
		}
		if leaders != 1 {
			t.Errorf("%d lead where none can", leaders)
		}
	})
}

// A member that is about to end gives the lead away first, and forwards what still comes.
func TestStopped(t *testing.T) {
	run(t, "a b", func(c *company) {
		c.start("a", "b")
		time.Sleep(2 * time.Second)
		c.mu.Lock()
		c.fits["a"] = agent.Problemf(agent.CodeStopping, "the agent is about to end") // as it tells others
		c.mu.Unlock()
		c.ends["a"]()
		synctest.Wait()
		if view := c.all["a"].View(); view.Address != "b" || !strings.Contains(view.Why, "a cannot: the agent is about to end") {
			t.Errorf("a: %+v", view)
		}
		c.all["a"].SetFit(nil)
		time.Sleep(2 * time.Second)
		c.wants("while it ends", "b")
	})
}

// Where two do not reach each other both lead, and the rest agrees on the first. Afterwards one leads.
func TestCut(t *testing.T) {
	run(t, "a b c", func(c *company) {
		c.start("a", "b", "c")
		time.Sleep(2 * time.Second)
		c.mu.Lock()
		c.cut["a b"], c.cut["b a"] = true, true
		c.mu.Unlock()
		time.Sleep(5 * time.Second)
		if a, c := c.all["a"].View(), c.all["c"].View(); !a.Self || c.Address != "a" {
			t.Errorf("a: %+v, c: %+v", a, c)
		}
		c.mu.Lock()
		clear(c.cut)
		c.mu.Unlock()
		time.Sleep(3 * time.Second)
		c.wants("afterwards", "a")
	})
}

// Alone a member leads, once it knows that.
func TestAlone(t *testing.T) {
	run(t, "a b", func(c *company) {
		c.start("b")
		time.Sleep(time.Millisecond)
		c.wants("alone", "b")
		c.start("a")
		time.Sleep(2 * time.Second)
		c.wants("not alone", "b")
		c.kill("b")
		time.Sleep(2 * time.Second)
		c.wants("the other way around", "a")
	})
}

func TestOrigin(t *testing.T) {
	for _, origin := range []Origin{{}, {For: "client:nightly", Caller: "certificate:spiffe://corp/etl"}, {For: "user:etl", Caller: "user:etl"}} {
		header := http.Header{}
		origin.Write(header)
		got, err := Read(header)
		origin.Here = true
		if got != origin || err != nil || !IsTold(header) {
			t.Errorf("%+v became %+v, %v", origin, got, err)
		}
		if got := From(With(t.Context(), origin)); got != origin {
			t.Errorf("a context has %+v", got)
		}
	}
	for _, header := range []http.Header{
		{local.HeaderCaller: {"user:etl"}}, {local.HeaderFor: {"member", "member"}}, {local.HeaderFor: {"root"}},
		{local.HeaderFor: {"client:"}}, {local.HeaderFor: {"member"}, local.HeaderCaller: {"a", "b"}},
		{local.HeaderFor: {"user:" + strings.Repeat("x", originBytes)}},
	} {
		if origin, err := Read(header); err == nil || !IsTold(header) {
			t.Errorf("%v became %+v", header, origin)
		}
	}
}

// TestRefused: that the port of a member begins to refuse connections is told once, and again when it has
// answered meanwhile.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		refuses, told := false, 0
		peers := NewPeers(PeersConfig{
			Self: "a", Members: []string{"a", "b"},
			Probe: func(context.Context, string) (local.Member, error) {
				mu.Lock()
				defer mu.Unlock()
				if refuses {
					return local.Member{}, errRefused
				}
				return local.Member{Version: "v1"}, nil
			},
			Refused: func(string) {
				mu.Lock()
				told++
				mu.Unlock()
			},
		})
		ctx, end := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { peers.Run(ctx) })
		for want := range 3 {
			time.Sleep(5 * time.Second)
			mu.Lock()
			refuses = !refuses
			mu.Unlock()
			time.Sleep(5 * time.Second)
			mu.Lock()
			if told != want/2+1 {
				t.Errorf("it was told %d times, after %d changes", told, want+1)
			}
			mu.Unlock()
		}
		end()
		run.Wait()
	})
}
