package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// tunnelRoute is what CONNECT to another host is observed as: it takes as long as the tunnel is there.
const tunnelRoute = "tunnel"

// connectOther answers CONNECT to a host that is not Anaplan's: what goes through is not looked at.
func (c *call) connectOther(proof *proof, target tunnel.Target) *agent.Problem {
	c.route = tunnelRoute
	who, problem := proof.principal(c)
	if problem != nil {
		return problem
	}
	record := Record{Action: ActionTunnel, Client: who.name, Profile: who.profileName, Done: true, Call: Call{Method: http.MethodConnect, Path: target.String()}}
	if problem := c.mayTunnel(who, target); problem != nil {
		return c.refused(problem, record)
	}
	if problem := c.recordable(); problem != nil {
		return problem
	}
	if !c.server.tunnels.take(who.name) {
		problem := agent.Problemf(agent.CodeTooMany, "there are too many tunnels for %s", who.shown())
		problem.Hints, problem.Wait = []string{"close some, or name the host in NO_PROXY, so that the program connects to it by itself"}, time.Second
		return problem
	}
	defer c.server.tunnels.leave(who.name)
	return c.tunnelTo(target, record)
}

// mayTunnel returns why there is no tunnel to a target, whoever is there.
func (c *call) mayTunnel(who *principal, target tunnel.Target) *agent.Problem {
	switch err := target.Check(); {
	case c.server.config.Tunnel == nil:
		return elsewhereProblem(agent.Problemf(agent.CodeNotAllowed, "the agent is a proxy for Anaplan's hosts, and %s is not one of them", target))
	case who.client != nil && who.client.RefuseOtherHosts:
		return elsewhereProblem(agent.Problemf(agent.CodeNotAllowed, `other_hosts = "refuse" of %s allows no tunnel to %s`, who.shown(), target))
	case err != nil:
		return elsewhereProblem(agent.Problemf(agent.CodeNotAllowed, "%v", err))
	}
	return nil
}

// tunnelTo makes the tunnel, and returns when it has ended and is written down.
func (c *call) tunnelTo(target tunnel.Target, record Record) *agent.Problem {
	far, err := c.server.config.Tunnel(c.r.Context(), target)
	if refused, ok := errors.AsType[*tunnel.RefusedError](err); ok {
		return c.refused(elsewhereProblem(agent.Problemf(agent.CodeNotAllowed, "%v", refused)), record)
	}
	if err != nil {
		problem := c.tunnelProblem(target, err)
		record.Code, record.Call.Took = problem.Code, time.Since(c.began)
		c.server.config.Tunnelled(record)
		c.write(record, problem)
		return problem
	}
	defer far.Close()
	_, buffered, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return c.problem(err)
	}
	c.status = http.StatusOK
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	record.Call.Status = c.status
	record.Call.Sent, record.Call.Received = c.join(early, far)
	record.Call.Took = time.Since(c.began)
	c.server.config.Tunnelled(record)
	c.write(record, nil)
	return nil
}

// join passes on what comes, until both ends have ended or nothing has come for too long. Then, and at
// the server's end, both are cut: either may be one that takes nothing.
func (c *call) join(early []byte, far net.Conn) (sent, received int64) {
	conns := c.conn.among
	whole := &admitted{Conn: c.conn.Conn, under: far, caller: c.caller, leave: c.conn.leave, among: conns}
	whole.asked.Store(true)
	touch := func() { whole.due.Store(conns.clock.Load() + conns.tunnel) }
	touch()
	conns.add(whole)
	conns.remove(c.conn)
	defer conns.remove(whole)
	defer whole.cut()
	if _, err := io.WriteString(whole.Conn, established); err != nil {
		return 0, 0
	}
	n, err := far.Write(early)
	if err != nil {
		return int64(n), 0
	}
	sent, received = tunnel.Join(whole.Conn, far, touch)
	return sent + int64(n), received
}

// tunnelProblem says why another host cannot be reached.
func (c *call) tunnelProblem(target tunnel.Target, err error) *agent.Problem {
	if context.Cause(c.r.Context()) != nil {
		return c.problem(err)
	}
	why := err
	proxy, isProxy := errors.AsType[*upstream.ProxyError](err)
	name, isName := errors.AsType[*net.DNSError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isProxy:
		why = proxy
	case isName && name.IsNotFound:
		why = errors.New("there is no host of that name")
	case isName:
		why = errors.New("the name cannot be looked up now")
	case isNet && timeout.Timeout():
		why = errors.New("no answer came in time")
	}
	return agent.Problemf(agent.CodeUnreachable, "%s cannot be reached: %v", target, why)
}

// places are a bounded number of something, of which no one user or client has all.
type places struct {
	most, mostOfOne int

	mu    sync.Mutex
	taken int
	by    map[string]int
}

func newPlaces(most int) *places {
	return &places{most: most, mostOfOne: max(most*7/8, 1), by: map[string]int{}}
}

// take takes a place, and reports whether there was one.
func (p *places) take(who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= p.most || p.by[who] >= p.mostOfOne {
		return false
	}
	p.taken++
	p.by[who]++
	return true
}

// count returns how many places are taken.
func (p *places) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken
}

// leave gives a place back.
func (p *places) leave(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.by[who]--; p.by[who] == 0 {
		delete(p.by, who)
	}
}
