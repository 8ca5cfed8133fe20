package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fair"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// forwardedRoute is what calls of the API are observed as.
const forwardedRoute = "forwarded"

var forwardedMethods = policy.Methods()

// forward passes a call on to Anaplan. What is decided on is the normalised path, and
// that is what is sent.
func forward(c *call) *agent.Problem {
	path, problem := forwardable(c)
	if problem != nil {
		return c.refused(problem, Record{Call: c.refusedCall()})
	}
	problem = forwardPath(c, path)
	if problem != nil && problem.Code == agent.CodeStopping && isReloaded(c) {
		problem = forwardPath(c, path)
	}
	return problem
}

// forwardPath forwards by the configuration as it is now.
func forwardPath(c *call, path policy.Path) *agent.Problem {
	who, problem := principalOf(c)
	if problem != nil {
		return problem
	}
	if problem := c.recordable(); problem != nil { // before permit, which may ask Anaplan for names
		return problem
	}
	if problem := permit(c, who, path); problem != nil {
		return problem
	}
	return pass(c, who, path)
}

// isReloaded reports whether a call that a profile's end has stopped can be made with the
// profile that has come in its place: nothing is answered yet, and no body is used up.
func isReloaded(c *call) bool {
	return !hasBody(c.r) && c.status == 0 && c.r.Context().Err() == nil
}

// shortened cuts what a caller has sent, for a line of the log.
func shortened(text string) string { return text[:min(len(text), 256)] }

// forwardable returns the path of a request that is fit to be sent on.
func forwardable(c *call) (policy.Path, *agent.Problem) {
	if !slices.Contains(forwardedMethods, c.r.Method) {
		c.status = http.StatusMethodNotAllowed
		c.w.Header().Set("Allow", strings.Join(forwardedMethods, ", "))
		return policy.Path{}, agent.Problemf(agent.CodeBadRequest, "the method %s is not forwarded", shown(c.r.Method))
	}
	raw, _, _ := strings.Cut(c.r.RequestURI, "?")
	path, err := policy.ParsePath(raw)
	if err != nil {
		return policy.Path{}, agent.Problemf(agent.CodeBadRequest, "the path is not forwarded: %v", err)
	}
	return path, nil
}

// permit decides by the policies of the client and of the profile, both of which must
// allow the call.
func permit(c *call, who *principal, path policy.Path) *agent.Problem {
	if who.profile.API == nil {
		return agent.Problemf(agent.CodeBadRequest, "this agent forwards no calls for the profile %s", shown(who.profileName))
	}
	var lacking []string
	var decision policy.Decision
	for _, by := range who.policies() {
		decided, problem := decide(c, who, by, path)
		if problem != nil {
			return problem
		}
		if !decided.Allowed {
			lacking, decision = append(lacking, by.name), decided
		}
	}
	if lacking == nil {
		return nil
	}
	verb := " has"
	if len(lacking) > 1 {
		verb = " have"
	}
	problem := agent.Problemf(agent.CodeNotAllowed, "%s%s no rule for %s %s", strings.Join(lacking, " and "), verb, c.r.Method, path)
	problem.Hints = decision.Hints()
	noteRefusal(c, who, path, decision.Missing)
	return c.refused(problem, recordOf(c, who, path))
}

// recordOf is the beginning of a line about a call.
func recordOf(c *call, who *principal, path policy.Path) Record {
	return Record{Client: who.name, Profile: who.profileName, Call: Call{Method: c.r.Method, Path: path.String(), Trace: traceOf(c.r.Header)}}
}

// namedPolicy is a policy that counts for a call, in words.
type namedPolicy struct {
	name string
	*policy.Policy
}

// policies are those that must all allow a call.
func (p *principal) policies() (all []namedPolicy) {
	if p.isMember {
		return nil
	}
	if p.client != nil {
		all = append(all, namedPolicy{"the policy of " + p.shown(), p.client.Policy})
	}
	if p.profile.Policy != nil {
		all = append(all, namedPolicy{"the policy of the profile " + p.profileName, p.profile.Policy})
	}
	return all
}

// decide asks one policy. Looking things up for that is on the client's account.
func decide(c *call, who *principal, by namedPolicy, path policy.Path) (policy.Decision, *agent.Problem) {
	decision, err := by.Decide(proxy.ForClient(c.ownContext(), who.name), c.r.Method, path, who.profile.Names)
	if err != nil {
		problem := *lookUpProblem(c, err)
		problem.Message = by.name + " names things, and Anaplan did not say what their ids are: " + problem.Message
		return policy.Decision{}, &problem
	}
	return decision, nil
}

// pass sends the call, and its answer back.
func pass(c *call, who *principal, path policy.Path) *agent.Problem {
	c.conn.calm.Store(true)
	began := time.Now()
	result, err := who.profile.API.Serve(c.w, c.told(who), proxy.Call{Path: path.String(), Client: who.name})
	c.conn.finish()
	c.cut = result.Cut
	problem := forwardProblem(c, err)
	if result.Began {
		c.status = result.Status
	}
	record := recordOf(c, who, path)
	if isRefusal(err) { // nothing was called
		return c.refused(problem, record)
	}
	record.Call.Status, record.Call.Sent, record.Call.Received, record.Call.Took = result.Status, result.Sent, result.Received, time.Since(began)
	recordCall(c, record, problem)
	if result.Began {
		return nil
	}
	return problem
}

// isRefusal reports whether the proxy has refused a request as it is.
func isRefusal(err error) bool {
	return errors.Is(err, proxy.ErrUpgrade) || errors.Is(err, proxy.ErrMethod) || errors.Is(err, proxy.ErrPath)
}

// recordCall writes down a call that has been made, whatever came of it.
func recordCall(c *call, record Record, problem *agent.Problem) {
	record.Action, record.Done = ActionCall, true
	if problem != nil {
		record.Code = problem.Code
	}
	c.server.config.Forwarded(record)
	c.write(record, problem)
}

// forwardProblem says why a call was not made, or not to its end.
func forwardProblem(c *call, err error) *agent.Problem {
	if err == nil {
		return nil
	}
	busy, isBusy := errors.AsType[*fair.BusyError](err)
	unreachable, isUnreachable := errors.AsType[*proxy.UnreachableError](err)
	switch {
	case isBusy:
		return busyProblem(busy)
	case errors.Is(err, proxy.ErrUpgrade):
		return agent.Problemf(agent.CodeBadRequest, "the connection cannot be upgraded to another protocol here")
	case errors.Is(err, proxy.ErrSlowBody):
		c.status = http.StatusRequestTimeout
		return agent.Problemf(agent.CodeBadRequest, "the body of the request stalled, so the call was given up")
	case errors.Is(err, proxy.ErrBodyCut):
		return agent.Problemf(agent.CodeBadRequest, "the body of the request ended early, so the call was given up")
	case c.r.Context().Err() != nil:
		return c.problem(context.Cause(c.r.Context()))
	case errors.Is(err, proxy.ErrGone):
		c.status = statusGone
		return agent.Problemf(agent.CodeBadRequest, "the caller has hung up")
	case isUnreachable:
		problem := agent.Problemf(agent.CodeUnreachable, "Anaplan's API at %s cannot be reached: %v", unreachable.Host, unreachable.Err)
		if unreachable.Sent && c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
			problem.Hints = []string{proxy.MayBeDone}
		}
		return problem
	case errors.Is(err, proxy.ErrAnswerCut):
		return agent.Problemf(agent.CodeUnreachable, "%v", err)
	}
	problem := c.problem(err)
	if problem.Code == agent.CodeStopping && problem.Wait == 0 {
		stopping := *problem
		stopping.Wait = time.Second // there is another agent, or another profile of that name, soon
		return &stopping
	}
	return problem
}

// busyProblem says that a call has to wait for too long, because Anaplan has asked for that or
// there are too many calls.
func busyProblem(busy *fair.BusyError) *agent.Problem {
	problem := &agent.Problem{
		Code: agent.CodeRateLimited, Wait: busy.RetryAfter,
		Message: "Anaplan's allowance of calls is used up, and too many wait for more",
	}
	if busy.HeldFor > 0 {
		problem.Message = fmt.Sprintf("Anaplan has asked for patience (429), so the agent sends nothing to it for another %v", max(busy.HeldFor.Round(time.Second), time.Second))
		problem.Hints = []string{"anaplan-agent status shows until when"}
	}
	return problem
}

// lookUpWait is when to come again where names could not be looked up, and nobody has said when.
const lookUpWait = 10 * time.Second

// mostLookUpWait bounds what the agent's callers are asked to wait for names, whatever Anaplan
// asks.
const mostLookUpWait = 5 * time.Minute

// lookUpProblem says why Anaplan has not told names. What passes has a time to come again, so that
// a busy model does not fail a job that could wait for it.
func lookUpProblem(c *call, err error) *agent.Problem {
	refusal, isRefused := errors.AsType[*integration.APIError](err)
	var problem *agent.Problem
	switch {
	case isRefused && refusal.Status == http.StatusTooManyRequests:
		problem = agent.Problemf(agent.CodeRateLimited, "%v", refusal)
		problem.Wait = refusal.RetryAfter
	case isRefused && !integration.IsTransient(err):
		return agent.Problemf(agent.CodeServerRefused, "%v", refusal)
	case isRefused:
		problem = agent.Problemf(agent.CodeUnreachable, "%v", refusal)
		problem.Wait = refusal.RetryAfter
	default:
		told := *forwardProblem(c, err)
		if problem = &told; told.Code == agent.CodeInternal && integration.IsTransient(err) {
			problem.Code = agent.CodeUnreachable
		}
	}
	if problem.Code == agent.CodeUnreachable || problem.Code == agent.CodeRateLimited {
		problem.Wait = min(cmp.Or(problem.Wait, lookUpWait), mostLookUpWait)
	}
	return problem
}
