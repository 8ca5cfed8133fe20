//go:build cgo

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// fleetCallers are programs on some machines, each of which makes one call after the other.
type fleetCallers struct {
	pause   time.Duration
	stopped atomic.Bool
	all     sync.WaitGroup

	mu      sync.Mutex
	calls   int
	good    map[*companyMachine]int
	failed  []string // what was answered in place of what was asked for
	longest time.Duration
	where   string // that was
}

// betweenFleetCalls leaves the processors to the agents.
const betweenFleetCalls = 25 * time.Millisecond

// callFrom begins the calls.
func callFrom(pause time.Duration, machines ...*companyMachine) *fleetCallers {
	c := &fleetCallers{pause: pause, good: map[*companyMachine]int{}}
	for _, m := range machines {
		c.all.Go(func() { c.call(m) })
	}
	return c
}

// stop ends the calls, once those that there are have come to their end.
func (c *fleetCallers) stop() {
	c.stopped.Store(true)
	c.all.Wait()
}

// call is the calls of one program. A gap lasts from the end of one call that has succeeded to that of the
// next, without the program's own pause.
func (c *fleetCallers) call(m *companyMachine) {
	client := m.client()
	defer client.Close()
	way := &http.Client{Transport: client.Transport(local.As{Profile: "default"}), Timeout: faultPatience}
	last := time.Now()
	for !c.stopped.Load() {
		err := askModels(way)
		c.mu.Lock()
		c.calls++
		if gap := time.Since(last); gap > c.longest {
			c.longest, c.where = gap, m.host.name
		}
		if err != nil {
			c.failed = append(c.failed, m.host.name+": "+err.Error())
		} else {
			c.good[m]++
		}
		c.mu.Unlock()
		time.Sleep(c.pause)
		if err == nil {
			last = time.Now()
		}
	}
}

// askModels makes a call that reads.
func askModels(way *http.Client) error {
	response, err := way.Get("http://agent/2/0/models")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"Plan"`):
		return fmt.Errorf("%s: %.400s", response.Status, text)
	}
	return nil
}

// awaitEach waits until each machine has had n more answers.
func (f *companyLab) awaitEach(c *fleetCallers, n int, machines ...*companyMachine) {
	f.t.Helper()
	before := c.goods()
	f.await("calls succeed everywhere", func() bool {
		now := c.goods()
		return !slices.ContainsFunc(machines, func(m *companyMachine) bool { return now[m] < before[m]+n })
	})
}

func (c *fleetCallers) goods() map[*companyMachine]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[*companyMachine]int{}
	for m, n := range c.good {
		all[m] = n
	}
	return all
}

// way returns what a program of the machine makes calls with.
func (m *companyMachine) way() (way *http.Client, close func()) {
	client := m.client()
	return &http.Client{Transport: client.Transport(local.As{Profile: "default"}), Timeout: faultPatience}, client.Close
}

// asks makes one call, of which nothing is counted.
func (m *companyMachine) asks() error {
	way, close := m.way()
	defer close()
	return askModels(way)
}

// logsOut has the agent of a machine end its token.
func (m *companyMachine) logsOut() error {
	client := m.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), faultPatience)
	defer cancel()
	return client.Logout(ctx, "default")
}

// logsInAgain has the agent of a machine log in.
func (m *companyMachine) logsInAgain() error {
	client := m.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), faultPatience)
	defer cancel()
	_, err := client.Login(ctx, "default", nil)
	return err
}
