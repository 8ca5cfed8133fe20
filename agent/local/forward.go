package local

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fair"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// forwardedRoute is what calls of the API are observed as.
const forwardedRoute = "forwarded"

// forwarded are the prefixes of paths that are Anaplan's and not the agent's: the
// integration API and its older version, SCIM, and audit, which most regions serve on the
// API host (contract section 4).
var forwarded = []string{"/2/", "/1/", "/scim/", "/audit/"}

func isForwarded(path string) bool {
	for _, prefix := range forwarded {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// forward passes a call on to Anaplan. What is decided on is the normalised path, and
// that is what is sent.
func (c *call) forward() *agent.Problem {
	path, problem := c.forwardable()
	if problem != nil {
		return problem
	}
	who, problem := c.principal()
	if problem != nil {
		return problem
	}
	if problem := c.permit(who, path); problem != nil {
		return problem
	}
	if !c.server.owed.settle(c.server.config.Record) {
		return auditFailed()
	}
	return c.pass(who, path)
}

// forwardable returns the path of a request that is fit to be sent on.
func (c *call) forwardable() (policy.Path, *agent.Problem) {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		c.status = http.StatusMethodNotAllowed
		c.w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE")
		return policy.Path{}, agent.Problemf(agent.CodeBadRequest, "the method %s is not forwarded", shown(c.r.Method))
	}
	raw, _, _ := strings.Cut(c.r.RequestURI, "?")
	if !strings.HasPrefix(raw, "/") {
		return policy.Path{}, agent.Problemf(agent.CodeBadRequest, "the request line has a whole URL; send the path alone, for the agent is no forward proxy")
	}
	path, err := policy.ParsePath(raw)
	if err != nil {
		return policy.Path{}, agent.Problemf(agent.CodeBadRequest, "the path is not forwarded: %v", err)
	}
	return path, nil
}

// permit decides by the policies of the client and of the profile, both of which must
// allow the call.
func (c *call) permit(who *principal, path policy.Path) *agent.Problem {
	if who.profile.API == nil {
		return agent.Problemf(agent.CodeBadRequest, "this agent forwards no calls for the profile %s", shown(who.profileName))
	}
	if who.client != nil {
		if problem := c.decide(who, who.client.Policy, "the policy of "+who.shown(), path); problem != nil {
			return problem
		}
	}
	if who.profile.Policy == nil {
		return nil
	}
	return c.decide(who, who.profile.Policy, "the policy of the profile "+who.profileName, path)
}

func (c *call) decide(who *principal, by *policy.Policy, what string, path policy.Path) *agent.Problem {
	decision, err := by.Decide(c.r.Context(), c.r.Method, path, who.profile.Names)
	if err != nil {
		problem := *c.problem(err)
		problem.Message = what + " names things, and Anaplan did not say what their ids are: " + problem.Message
		return &problem
	}
	if decision.Allowed {
		return nil
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "%s has no rule for %s %s", what, c.r.Method, path)
	problem.Hints = decision.Hints()
	return c.refused(problem, Record{Client: who.name, Profile: who.profileName, Call: Call{Method: c.r.Method, Path: path.String()}})
}

// pass sends the call, and its answer back.
func (c *call) pass(who *principal, path policy.Path) *agent.Problem {
	c.conn.calm.Store(true)
	began := time.Now()
	result, err := who.profile.API.Serve(c.w, c.r, proxy.Call{Path: path.String(), Client: who.name})
	c.conn.finish()
	c.cut = result.Cut
	problem := c.forwardProblem(err)
	if result.Began {
		c.status = result.Status
	}
	record := Record{
		Action: ActionCall, Client: who.name, Profile: who.profileName,
		Call: Call{
			Method: c.r.Method, Path: path.String(), Status: result.Status,
			Sent: result.Sent, Received: result.Received, Took: time.Since(began),
		},
	}
	c.recordCall(record, problem)
	if result.Began {
		return nil
	}
	return problem
}

// recordCall writes down a call that has been made, whatever came of it. What cannot be
// written now is owed, and until it is written no other call is made.
func (c *call) recordCall(record Record, problem *agent.Problem) {
	record.Time, record.Peer, record.Network = time.Now(), c.caller.peer, c.caller.network
	if problem != nil {
		record.Code = problem.Code
	}
	c.server.config.Forwarded(record)
	if c.server.config.Record == nil {
		return
	}
	if err := c.server.config.Record(record); err != nil {
		c.server.config.Logger.Error("the audit log cannot be written", "action", record.Action, "profile", record.Profile, "error", err)
		c.server.owed.add(record)
	}
}

// forwardProblem words why a call was not made, or not to its end.
func (c *call) forwardProblem(err error) *agent.Problem {
	if err == nil {
		return nil
	}
	busy, isBusy := errors.AsType[*fair.BusyError](err)
	unreachable, isUnreachable := errors.AsType[*proxy.UnreachableError](err)
	switch {
	case isBusy:
		return &agent.Problem{
			Code: agent.CodeRateLimited, Wait: busy.RetryAfter,
			Message: "Anaplan's allowance of calls is used up, and too many wait for more",
		}
	case errors.Is(err, proxy.ErrUpgrade):
		return agent.Problemf(agent.CodeBadRequest, "the connection cannot be upgraded to another protocol here")
	case errors.Is(err, proxy.ErrSlowBody):
		c.status = http.StatusRequestTimeout
		return agent.Problemf(agent.CodeBadRequest, "the body of the request stalled, so the call was given up")
	case errors.Is(err, proxy.ErrBodyCut):
		return agent.Problemf(agent.CodeBadRequest, "the body of the request ended early, so the call was given up")
	case c.r.Context().Err() != nil:
		return c.problem(context.Cause(c.r.Context()))
	case isUnreachable:
		problem := agent.Problemf(agent.CodeUnreachable, "Anaplan's API cannot be reached: %v", unreachable.Err)
		return problem
	}
	return c.problem(err)
}

// owed are records of calls that could not be written down.
type owed struct {
	mu      sync.Mutex
	records []Record
}

func (o *owed) add(record Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.records = append(o.records, record)
}

// settle writes what is owed, and reports whether nothing is any more. There cannot be more
// than there were calls under way when writing first failed.
func (o *owed) settle(write func(Record) error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.records) > 0 {
		if write(o.records[0]) != nil {
			return false
		}
		o.records = o.records[1:]
	}
	return true
}

// isAddressed reports whether a Host header means this listener: what a browser sends for a
// page that has its own name lead here does not.
func (a *admitted) isAddressed(host string) bool {
	addr, ok := a.LocalAddr().(*net.TCPAddr)
	if !ok {
		return false
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, "80"
	}
	name = strings.Trim(name, "[]")
	return port == strconv.Itoa(addr.Port) && (strings.EqualFold(name, "localhost") || addr.IP.Equal(net.ParseIP(name)))
}
