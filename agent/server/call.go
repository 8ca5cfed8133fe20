package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/fleet"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// call is one request under way.
type call struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	conn    *admitted
	caller  *caller
	began   time.Time
	route   string
	status  int
	notices *local.Notices // nil: the caller does not want any
	shape   shape          // of what is refused; nil: the agent's own
	via     *via           // it was asked of Anaplan's own host; nil: it was asked of the agent
	cut     bool           // the answer has ended in its midst: the connection must, too
	origin  *fleet.Origin  // whose call a member of the fleet makes; nil: it is the caller's own
	parent  string         // the ID of the phantom token that came as a password; "": none did

	arguments arguments
	body      []byte // maybe a PIN: cleared at the end
}

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	conn := r.Context().Value(connKey{}).(*admitted)
	conn.begin()
	if strings.HasPrefix(r.RequestURI, "//") { // not where the first slash is encoded, which is refused
		r.URL.Path = policy.OneSlash(r.URL.Path)
	}
	c := &call{server: s, w: w, r: r, conn: conn, caller: conn.caller, via: conn.via, began: time.Now(), route: otherRoute}
	defer c.end()
	if isWiped(c.r) || !r.ProtoAtLeast(1, 1) {
		w.Header().Set("Connection", "close") // see end and outdated
	}
	if problem := c.handle(); problem != nil {
		if hasBody(c.r) && policy.IsAnaplan(r.URL.Path) {
			c.refuseUpload(problem)
		} else {
			c.refuse(problem)
		}
	}
	if c.cut {
		panic(http.ErrAbortHandler)
	}
}

// hasBody reports whether the request comes with a body, wanted or not.
func hasBody(r *http.Request) bool { return r.ContentLength != 0 }

// isWiped reports whether the request comes with a body in which there may be a secret of
// the device's or of Anaplan's. What is forwarded is data, much of it.
func isWiped(r *http.Request) bool { return hasBody(r) && !policy.IsAnaplan(r.URL.Path) }

// end is deferred. A mistake of this program costs one request, not the agent.
//
// A body leaves copies in the buffer from which net/http reads a connection, maybe behind
// the header, maybe before what comes next, and nobody can tell where. So all of that is
// cleared, and a request with a body is the last of its connection.
func (c *call) end() {
	mistake := recover()
	if mistake == http.ErrAbortHandler {
		defer panic(mistake)
	} else if mistake != nil {
		c.server.config.Logger.Error("a request made the agent fail", "route", c.route, "mistake", mistakeText(mistake), "stack", string(debug.Stack()))
		c.status = 0
		c.refuse(agent.Problemf(agent.CodeInternal, "the agent made a mistake; its log has more"))
	}
	clear(c.body)
	if isWiped(c.r) {
		c.conn.wipe()
	}
	c.server.config.Observe(c.route, c.status, time.Since(c.began))
}

// mistakeText does not show what a panic carries, unless it comes from the runtime: it
// could be a secret.
func mistakeText(mistake any) string {
	if err, ok := mistake.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a panic with a %T", mistake)
}

func (c *call) handle() *agent.Problem {
	c.meet()
	if c.caller.surplus || !isIntroduced(c) {
		return c.tooMany()
	}
	if problem := c.charge(costRead); problem != nil {
		return problem
	}
	if problem := c.outdated(); problem != nil {
		return problem
	}
	if problem := c.knowRemote(); problem != nil {
		return problem
	}
	if c.r.Method == http.MethodConnect && c.server.config.Authority != nil {
		return c.connect()
	}
	if problem := c.unwrap(); problem != nil {
		return problem
	}
	if policy.IsAnaplan(c.r.URL.Path) {
		c.route, c.shape = forwardedRoute, apiShape
		if problem := c.suspect(); problem != nil {
			return problem
		}
		return forward(c)
	}
	route, found := routes[c.r.URL.Path]
	if !found || c.caller.network && !route.network && !(c.caller.mutual && route.remote) || c.via != nil && route.shape == nil {
		c.status = http.StatusNotFound
		return agent.Problemf(agent.CodeBadRequest, "there is nothing at %s%s", shown(c.r.URL.Path), elsewhere(c.r.URL.Path, found))
	}
	c.route, c.shape = c.r.URL.Path, route.shape
	if c.r.Method != route.method {
		c.status = http.StatusMethodNotAllowed
		c.w.Header().Set("Allow", route.method)
		return agent.Problemf(agent.CodeBadRequest, "%s wants the method %s", c.route, route.method)
	}
	if problem := c.suspect(); problem != nil {
		return problem
	}
	return c.follow(route)
}

// follow takes a request apart that is well addressed.
func (c *call) follow(route *route) (problem *agent.Problem) {
	if problem = c.charge(route.cost - costRead); problem != nil {
		return problem
	}
	if c.arguments, problem = parseArguments(c.r.URL.RawQuery, route.takes); problem != nil {
		return problem
	}
	if problem = c.readBody(route.takesBody(c.server.config.Limits)); problem != nil {
		return problem
	}
	if route.recorded {
		if problem := c.recordable(); problem != nil {
			return problem
		}
	}
	return route.answer(c)
}

// tooMany answers on a connection beyond the limit, which ends with that.
func (c *call) tooMany() *agent.Problem {
	c.status = http.StatusServiceUnavailable
	c.w.Header().Set("Connection", "close")
	return tooMany()
}

// charge takes the cost of a request out of its user's bucket.
func (c *call) charge(cost int) *agent.Problem {
	wait, ok := spend(c.caller.bucket, cost, c.began)
	if ok {
		return nil
	}
	who := "this caller"
	if c.caller.network && !c.caller.known {
		who = "a caller without a secret"
		c.w.Header().Set("Connection", "close") // or asking on would cost nothing
	}
	return &agent.Problem{
		Code:    agent.CodeTooMany,
		Message: who + " asks for too much",
		Hints:   []string{"a token is good for minutes: ask for one again only before its expires_at, or when Anaplan refuses it"},
		Wait:    wait,
	}
}

// readBody reads the body of a request that may have one, into one buffer, which end clears.
func (c *call) readBody(takes int) *agent.Problem {
	if !hasBody(c.r) {
		return nil
	}
	if problem := c.fillBody(takes); problem != nil {
		return problem
	}
	// Or the caller would be taken for gone.
	http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	return nil
}

func (c *call) fillBody(most int) *agent.Problem {
	http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(c.server.config.Limits.BodyTime))
	c.body = make([]byte, most+1)
	n, err := fill(c.body, c.r.Body)
	switch {
	case err == nil && most == 0:
		return agent.Problemf(agent.CodeBadRequest, "%s takes no body", c.route)
	case err == nil:
		return agent.Problemf(agent.CodeTooLarge, "the body has more than %d bytes", most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return agent.Problemf(agent.CodeBadRequest, "the body did not come within %v", c.server.config.Limits.BodyTime)
	case err != io.EOF:
		return agent.Problemf(agent.CodeBadRequest, "the body ended early")
	}
	c.body = c.body[:n]
	return nil
}

// fill reads until the buffer is full, or returns io.EOF at the proper end. io.ReadFull
// does not tell that from half a body: half a PIN would cost a try.
func fill(buffer []byte, from io.Reader) (int, error) {
	for n := 0; ; {
		if n == len(buffer) {
			return n, nil
		}
		m, err := from.Read(buffer[n:])
		n += m
		if err != nil && n < len(buffer) {
			return n, err
		}
	}
}

// profileOf returns the profile that the request is about, if the caller may use it.
func profileOf(c *call) (*Profile, *agent.Problem) {
	profile := c.server.config.Profiles()[c.arguments.profile]
	if profile == nil {
		problem := agent.Problemf(agent.CodeUnknownProfile, "the agent has no profile %s", shown(c.arguments.profile))
		problem.Hints = []string{"/v1/status lists those that you may use", "/v1/reload makes the agent read its configuration again"}
		return nil, problem
	}
	if !c.caller.may(profile) {
		return nil, c.deny("the profile " + shown(c.arguments.profile))
	}
	return profile, nil
}

// deny refuses what the configuration does not let the caller use.
func (c *call) deny(what string) *agent.Problem {
	problem := agent.Problemf(agent.CodeNotAllowed, "user %s may not use %s", nameOf(c.caller.peer), what)
	return c.denied(problem, "the agent's configuration says who may")
}

// denied writes down what was refused. It costs as much as doing something, for otherwise
// everybody could fill the disk with it.
func (c *call) denied(problem *agent.Problem, hints ...string) *agent.Problem {
	if busy := c.charge(costAct); busy != nil {
		return busy
	}
	problem.Hints = hints
	if c.recordable() == nil {
		c.write(Record{Action: ActionDenied, Profile: c.arguments.profile}, problem)
	}
	return problem
}

// recordable returns why nothing can be written down that is done now; nil if it can.
func (c *call) recordable() *agent.Problem {
	if err := c.server.config.Recordable(); err != nil {
		return Unrecordable()
	}
	return nil
}

// record writes down what was done, and returns why it failed, or else why it is not written down.
func (c *call) record(action Action, generation uint64, err error) *agent.Problem {
	problem := c.problem(err)
	failure := c.write(Record{Action: action, Generation: generation, Profile: c.arguments.profile, Done: true}, problem)
	return cmp.Or(problem, failure)
}

// write writes a record down, with what all have.
func (c *call) write(record Record, problem *agent.Problem) *agent.Problem {
	if c.server.config.Record == nil {
		return nil
	}
	record.Time, record.Peer, record.Network = time.Now(), c.caller.peer, c.caller.network
	if c.caller.mutual {
		record.Certificate, record.Address = c.certificateOf(record.Client), mutualtls.HostOf(c.conn.RemoteAddr())
	}
	if c.origin != nil {
		record.Original = c.origin.Caller
	}
	if problem != nil {
		record.Code = problem.Code
	}
	if err := c.server.config.Record(record); err != nil {
		c.server.config.Logger.Error("the audit log cannot be written", "action", record.Action, "profile", record.Profile, "error", err)
		return Unrecordable()
	}
	return nil
}

// Unrecordable is the problem that nothing is done because it could not be written down.
func Unrecordable() *agent.Problem {
	return &agent.Problem{
		Code:    agent.CodeAuditFailed,
		Message: "the agent cannot write down what it does, so it hands out nothing and calls nothing",
		Hints:   []string{"the agent's log says why its audit log cannot be written"},
		Human:   true,
	}
}

// wants returns what is told notices: nil, unless the caller has said that it understands them.
func (c *call) wants() agent.NotifyFunc {
	if c.r.Header[local.HeaderNotices] == nil || c.r.Header.Get(local.HeaderNotices) != "1" || !c.r.ProtoAtLeast(1, 1) {
		return nil
	}
	c.notices = &local.Notices{W: c.w}
	return c.notices.Tell
}

// problem returns an error of a Keeper as what to answer to this caller. If the request itself was
// ended, it says by what.
func (c *call) problem(err error) *agent.Problem {
	if err == nil {
		return nil
	}
	switch cause := context.Cause(c.r.Context()); {
	case cause == nil:
		return c.toCaller(agent.ProblemOf(err))
	case cause == errStopping:
		return agent.Problemf(agent.CodeStopping, "the agent is stopping")
	}
	c.status = statusGone
	return agent.Problemf(agent.CodeBadRequest, "the caller has hung up")
}

// refused writes down what was refused, and returns it. That must not fill the disk, nor can
// anybody hide behind others that are refused: each client and each user has a share of lines, and
// so have all strangers together. What goes beyond it is counted in the log.
func (c *call) refused(problem *agent.Problem, record Record) *agent.Problem {
	who := record.Client
	switch {
	case who != "" && who != unknownClient:
	default:
		who = c.caller.stranger()
	}
	if _, ok := c.server.denials.take(who, c.began); !ok {
		c.server.unwritten.note(c.server.config.Logger, who)
		return problem
	}
	record.Action = ActionDenied
	if c.recordable() == nil {
		c.write(record, problem)
	}
	return problem
}
