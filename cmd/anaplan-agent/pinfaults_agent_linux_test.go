//go:build cgo

package main

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
)

// siteAgent is an agent that runs.
type siteAgent struct {
	cmd   *exec.Cmd
	ended chan struct{}
	log   logtest.Buffer
}

// start starts the agent, and returns when it answers.
func (s *site) start() {
	s.t.Helper()
	a := &siteAgent{cmd: s.command("serve", "--log-level", "debug"), ended: make(chan struct{})}
	a.cmd.Stderr = &a.log
	begin := s.begins
	if begin == nil {
		begin = (*exec.Cmd).Start
	}
	s.check(begin(a.cmd))
	go func() {
		a.cmd.Wait()
		close(a.ended)
	}()
	s.agent = a
	s.await("the agent serves", func() bool {
		conn, err := net.Dial("unix", s.path("run/agent.sock"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// stop ends the agent as systemd does, and kill as the kernel does that is short of memory.
func (s *site) stop() { s.t.Helper(); s.endAgent(syscall.SIGTERM) }
func (s *site) kill() { s.t.Helper(); s.endAgent(syscall.SIGKILL) }

func (s *site) endAgent(signal syscall.Signal) {
	s.t.Helper()
	s.check(s.agent.cmd.Process.Signal(signal))
	select {
	case <-s.agent.ended:
		s.t.Logf("the agent's log:\n%s", s.agent.log.String())
		s.agent = nil
	case <-time.After(faultPatience):
		s.t.Fatalf("the agent does not end%s", s.said())
	}
}

// client returns one that asks the agent.
func (s *site) client() *local.Client { return local.NewClient(s.path("run/agent.sock")) }

// typeOnce has a person type the PIN for the agent, if that is where it comes from. It may
// hang, and is waited for at the end of the test.
func (s *site) typeOnce() {
	if s.place != byPerson {
		return
	}
	done := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), faultPatience)
	go func() {
		defer close(done)
		client := s.client()
		defer client.Close()
		client.Unlock(ctx, "default", []byte(s.pin), nil)
	}()
	s.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// crowd is callers that ask the agent for a token again and again.
type crowd struct {
	site *site
	stop func()

	mu      sync.Mutex
	answers []int // of each caller
	tokens  int   // among them
}

// betweenCalls is how long each caller pauses, so that there is a processor left for others.
const betweenCalls = 20 * time.Millisecond

// gather begins the calls.
func (s *site) gather(callers int) *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{site: s, answers: make([]int, callers)}
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { c.call(ctx, i) })
	}
	c.stop = sync.OnceFunc(func() {
		cancel()
		all.Wait()
	})
	s.t.Cleanup(c.stop)
	return c
}

// call is the calls of one caller. That there is no agent is not an answer.
func (c *crowd) call(ctx context.Context, i int) {
	client := c.site.client()
	defer client.Close()
	for ctx.Err() == nil {
		_, err := client.Token(ctx, "default", nil)
		_, isAnswer := errors.AsType[*agent.Problem](err)
		c.mu.Lock()
		if err == nil {
			c.tokens++
		}
		if err == nil || isAnswer {
			c.answers[i]++
		}
		c.mu.Unlock()
		time.Sleep(betweenCalls)
	}
}

// await waits until each caller has had so many answers more. The last of them was asked for
// after await was called, if n is 2 or more.
func (c *crowd) await(n int) {
	c.site.t.Helper()
	c.mu.Lock()
	before := slices.Clone(c.answers)
	c.mu.Unlock()
	c.site.await("answers for each caller", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range before {
			if c.answers[i] < before[i]+n {
				return false
			}
		}
		return true
	})
}

// hasToken reports whether a caller has had a token.
func (c *crowd) hasToken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens > 0
}
