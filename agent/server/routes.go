package server

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// route is what can be asked for.
type route struct {
	method string
	cost   int
	takes  parameter
	answer func(*call) *agent.Problem // has answered, or returns why not

	secret   bool  // it may have a body, which is a PIN
	network  bool  // it can be asked for over TCP, too
	remote   bool  // it can be asked for from other machines, too; so can what network has
	recorded bool  // it gives, signs or calls something, and nothing of that is done that cannot be written down
	shape    shape // of its refusals; nil: the agent's own
}

// loginBytes is what a body may have that comes with a login. It is not looked at: a header shows
// which client calls, and there are clients that send a body all the same.
const loginBytes = 64 << 10

// takesBody returns how many bytes a body may have.
func (r *route) takesBody(limits Limits) int {
	switch {
	case r.secret:
		return limits.BodyBytes
	case r.shape != nil:
		return loginBytes
	}
	return 0
}

// authenticateRoute is where clients log in.
const authenticateRoute = "/token/authenticate"

// routes is by path. Asking for another token costs no more than asking for one: after
// Anaplan has pulled one back, all callers do so at once, and they share one login.
var routes = map[string]*route{
	"/v1/token":  {method: http.MethodGet, cost: costRead, takes: paramProfile | paramRefused | paramReveal, recorded: true, answer: serveToken},
	"/v1/status": {method: http.MethodGet, cost: costRead, remote: true, answer: serveStatus},
	"/v1/login":  {method: http.MethodPost, cost: costAct, takes: paramProfile, recorded: true, answer: serveLogin},
	"/v1/logout": {method: http.MethodPost, cost: costAct, takes: paramProfile, recorded: true, answer: serveLogout},
	"/v1/unlock": {method: http.MethodPost, cost: costAct, takes: paramProfile | paramLastTry | paramPINChanged, secret: true, recorded: true, answer: serveUnlock},
	"/v1/member": {method: http.MethodGet, cost: costRead, remote: true, answer: serveMember},
	"/v1/lock":   {method: http.MethodPost, cost: costAct, takes: paramProfile, answer: serveLock},
	"/v1/reload": {method: http.MethodPost, cost: costAct, answer: serveReload},
	"/v1/stop":   {method: http.MethodPost, cost: costAct, answer: serveStop},
	"/v1/ca":     {method: http.MethodGet, cost: costRead, answer: serveCA},
	"/v1/ca/new": {method: http.MethodPost, cost: costAct, recorded: true, answer: serveNewCA},
	"/healthz":   {method: http.MethodGet, cost: costRead, network: true, answer: serveHealth},
	"/readyz":    {method: http.MethodGet, cost: costRead, answer: serveReady},
	"/metrics":   {method: http.MethodGet, cost: costRead, answer: serveMetrics},

	authenticateRoute: {method: http.MethodPost, cost: costRead, network: true, recorded: true, shape: authShape, answer: authenticate},
	"/token/refresh":  {method: http.MethodPost, cost: costRead, network: true, recorded: true, shape: authShape, answer: refresh},
	"/token/validate": {method: http.MethodGet, cost: costRead, network: true, recorded: true, shape: authShape, answer: validate},
	"/token/logout":   {method: http.MethodPost, cost: costRead, network: true, shape: authShape, answer: revoke},
}

// AnswersForAnaplan reports whether an agent answers a path itself that Anaplan has, too.
func AnswersForAnaplan(path string) bool {
	route, found := routes[path]
	return found && route.shape != nil
}

// otherRoute is what requests are observed as that have no route, so that callers cannot
// make up names for metrics.
const otherRoute = "other"

func serveToken(c *call) *agent.Problem {
	profile, problem := profileOf(c)
	if problem != nil {
		return problem
	}
	reveal := !c.arguments.has(paramReveal) // "no", if it is there
	if (reveal || c.arguments.refused != 0) && profile.Policy != nil && !c.caller.admin {
		return c.deny("the token of the profile " + shown(c.arguments.profile) + " itself, for the profile has a policy: send the calls through the agent")
	}
	lease, err := leaseFor(c, profile.Keeper)
	if again := replaced(c, profile, err); again != nil {
		lease, err = leaseFor(c, again.Keeper)
	}
	if err != nil {
		return c.problem(err)
	}
	if reveal && profile.Phantoms {
		return sendReused(c, lease)
	}
	if reveal {
		handed := Record{Action: ActionToken, Generation: lease.Generation, Profile: c.arguments.profile}
		if problem := c.write(handed, nil); problem != nil {
			return problem
		}
	}
	sendLease(c, lease, reveal)
	return nil
}

// replaced returns the profile that has come in the place of one that failed while it was asked, as a
// reload does it, or a member that gives the lead away; nil if none has.
func replaced(c *call, profile *Profile, err error) *Profile {
	if err == nil || c.r.Context().Err() != nil {
		return nil
	}
	next := c.server.config.Profiles()[c.arguments.profile]
	if next == nil || next.Keeper == profile.Keeper || !c.caller.may(next) {
		return nil
	}
	return next
}

func leaseFor(c *call, keeper *agent.Keeper) (agent.Lease, error) {
	if c.arguments.refused != 0 {
		return keeper.Replace(c.r.Context(), c.arguments.refused, c.wants())
	}
	return keeper.Token(c.r.Context(), c.wants())
}

// act does something to a profile if the caller may, writes it down, and answers without a token.
func act(c *call, action Action, do func(*Profile) (agent.Lease, error)) *agent.Problem {
	profile, problem := profileOf(c)
	if problem != nil {
		return problem
	}
	if problem := c.right(action, profile); problem != nil {
		return problem
	}
	lease, err := do(profile)
	if problem := c.record(action, lease.Generation, err); problem != nil {
		return problem
	}
	sendLease(c, lease, false)
	return nil
}

func serveLogin(c *call) *agent.Problem {
	return act(c, ActionLogin, func(profile *Profile) (agent.Lease, error) {
		if c.caller.admin {
			return profile.device().Login(c.r.Context(), c.wants())
		}
		return profile.device().TryLogin(c.r.Context(), c.wants())
	})
}

func serveLogout(c *call) *agent.Problem {
	return act(c, ActionLogout, func(profile *Profile) (agent.Lease, error) {
		return agent.Lease{}, profile.device().Logout(c.r.Context())
	})
}

func serveLock(c *call) *agent.Problem {
	return act(c, ActionLock, func(profile *Profile) (agent.Lease, error) {
		if profile.SetPIN != nil {
			profile.SetPIN(nil)
		}
		profile.device().Lock()
		return agent.Lease{}, nil
	})
}

// serveUnlock logs in at once, so that its caller learns whether that helped; what was locked is so
// until then.
func serveUnlock(c *call) *agent.Problem {
	return act(c, ActionUnlock, func(profile *Profile) (agent.Lease, error) {
		if len(c.body) > 0 {
			if problem := setPIN(c, profile, c.body); problem != nil {
				return agent.Lease{}, problem
			}
		}
		if profile.SetUnlockOptions != nil {
			profile.SetUnlockOptions(local.UnlockOptions{LastTry: c.arguments.has(paramLastTry), PINChanged: c.arguments.has(paramPINChanged)})
		}
		return profile.device().Open(c.r.Context(), c.wants())
	})
}

// setPIN hands over a PIN.
func setPIN(c *call, profile *Profile, pin []byte) *agent.Problem {
	if profile.SetPIN == nil {
		return agent.Problemf(agent.CodeBadRequest, "the profile %s takes no PIN from callers: its settings say where the PIN comes from", shown(c.arguments.profile))
	}
	if bytes.ContainsAny(pin, "\r\n\x00") {
		return agent.Problemf(agent.CodeBadRequest, "the PIN has a line end or a NUL in it; send it without, so that no try is lost")
	}
	profile.SetPIN(bytes.Clone(pin))
	return nil
}

func serveReload(c *call) *agent.Problem {
	if !c.caller.admin {
		return c.reserve("use reload", "reload")
	}
	warnings, err := c.server.config.Reload(c.r.Context())
	if problem := c.record(ActionReload, 0, err); problem != nil {
		return problem
	}
	c.sendJSON(http.StatusOK, local.ReloadAnswer{Warnings: warnings})
	return nil
}

// serveStop has the agent end once it has answered. It takes something away, so it happens even if it
// cannot be written down.
func serveStop(c *call) *agent.Problem {
	if !c.caller.admin {
		return c.reserve("use stop", "stop")
	}
	if c.server.config.Stop == nil {
		return agent.Problemf(agent.CodeBadRequest, "this agent cannot be asked to end")
	}
	defer c.server.config.Stop()
	if problem := c.record(ActionStop, 0, nil); problem != nil {
		return problem
	}
	c.sendJSON(http.StatusOK, local.StopAnswer{PID: os.Getpid()})
	return nil
}

// serveStatus answers how the profiles do that the caller may use.
func serveStatus(c *call) *agent.Problem {
	if problem := c.beClient(); problem != nil {
		return problem
	}
	profiles := c.server.config.Profiles()
	status := local.Status{
		Version:   c.server.config.Version,
		PID:       os.Getpid(),
		StartedAt: c.server.started,
		Profiles:  []local.ProfileStatus{},
		Clients:   clientsOf(c),
		Refusals:  refusalsOf(c),
		Caller:    c.remoteCaller(),
		TLS:       c.tlsStatus(),
		Fleet:     c.fleetStatus(),

		ConfiguredAt: c.server.started,
		Problem:      ownProblem(c),
	}
	if c.server.config.Configured != nil {
		status.ConfiguredAt = c.server.config.Configured()
	}
	if c.server.config.Address != nil {
		status.Address = c.server.config.Address()
	}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		if c.caller.may(profiles[name]) {
			profile := profileStatus(name, profiles[name])
			profile.Problem = c.toCaller(profile.Problem)
			status.Profiles = append(status.Profiles, profile)
		}
	}
	c.sendJSON(http.StatusOK, status)
	return nil
}

// ownProblem returns what is wrong with the agent as a whole. Its cause is for administrators.
func ownProblem(c *call) *agent.Problem {
	err := c.server.config.Recordable()
	if err == nil {
		return nil
	}
	problem := Unrecordable()
	if c.caller.admin {
		problem.Hints = []string{err.Error()}
	}
	return problem
}

// clientsOf returns the clients that the caller may be.
func clientsOf(c *call) (shown []local.ClientStatus) {
	all := c.server.config.Clients()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if client := all[name]; c.caller.is(client) || mayProfile(c, client.Profile) {
			shown = append(shown, local.ClientStatus{Name: name, Profile: client.Profile, Policy: client.Policy.Rules()})
		}
	}
	return shown
}

// serveHealth says that the agent answers, which is all that it says.
func serveHealth(c *call) *agent.Problem {
	c.send(http.StatusOK, typeText, []byte("ok\n"))
	return nil
}

func serveReady(c *call) *agent.Problem {
	problem := ownProblem(c)
	if problem == nil && c.server.config.Ready != nil {
		problem = agent.ProblemOf(c.server.config.Ready())
	}
	if problem == nil {
		return serveHealth(c)
	}
	c.status = http.StatusServiceUnavailable
	if c.caller.admin {
		return problem
	}
	return agent.Problemf(problem.Code, "the agent is not ready") // the rest is about profiles
}

// serveMetrics are for administrators and for users that may use any profile.
func serveMetrics(c *call) *agent.Problem {
	if !c.server.config.mayAny(c.caller) {
		return c.deny("metrics")
	}
	if c.server.config.Metrics == nil {
		c.send(http.StatusOK, typeText, nil)
		return nil
	}
	var text bytes.Buffer // not the connection, for the caller may read slowly
	mediaType := c.server.config.Metrics(&text, c.r.Header["Accept"])
	c.send(http.StatusOK, []string{mediaType}, text.Bytes())
	return nil
}

// profileStatus says how a profile does.
func profileStatus(name string, profile *Profile) local.ProfileStatus {
	shown := local.ProfileStatus{Name: name, Status: profile.Keeper.Status()}
	for _, told := range []*time.Time{&shown.RenewAt, &shown.WaitUntil} { // by two clocks, which are never read at once
		*told = told.Round(time.Second)
	}
	if profile.Details != nil {
		shown.Details = profile.Details()
	}
	return shown
}
