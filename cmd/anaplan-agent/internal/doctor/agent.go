package doctor

// The agent: whether one runs and can be reached, and how it does. Whether systemd starts it is in
// unit.go.

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// statusTimeout is how long the agent is waited for. It answers from memory.
const statusTimeout = 5 * time.Second

// runningAgent is the agent that runs, or none.
type runningAgent struct {
	*Report
	ctx     context.Context
	profile string // the name of the one that this is about
	shared  bool   // the settings let other users connect
	auth    string // the URL of the login service; "": not known
}

// checkAgent looks at the agent and its files, and returns how the one does that runs; nil without
// one. Without a configuration it looks where an agent usually is. profile is the name of the one
// that this is about.
func checkAgent(ctx context.Context, r *Report, found setUp, profile string) (status *local.Status) {
	own := found.agent
	if own == nil {
		own = &config.Agent{}
	}
	if own.Socket == "none" {
		r.skip("agent.running", `socket is "none", so there is no agent to ask`)
	} else {
		status = (&runningAgent{r, ctx, profile, own.ShareSocket, found.hosts.Auth}).find(own.Socket)
	}
	checkUnits(ctx, r, found.path)
	checkState(r)
	checkMemory(r)
	checkFleet(r, own, found.profile, found.clients)
	if own.AuditFile != "" {
		checkAuditFile(r, own.AuditFile)
	}
	if found.profile != nil && found.profile.TokenFile != "" {
		checkTokenFile(r, found.profile)
	}
	return status
}

// find looks for an agent at a socket, "" is the usual ones, and returns how it does; nil without
// one.
func (a *runningAgent) find(chosen string) *local.Status {
	sockets := paths.UsualSockets()
	if chosen != "" {
		sockets = []string{chosen}
	}
	for _, socket := range sockets {
		if a.checkSocket(socket, chosen != "") {
			return a.ask(socket)
		}
	}
	if !a.hasErrors("agent.socket") {
		a.info("agent.running", build.Program+" serve starts one; "+build.Program+" service install has "+remedy.Here().Manager()+" do it",
			"no agent runs, so each command logs in by itself (looked at %s)", strings.Join(sockets, ", "))
	}
	return nil
}

// ask asks the agent how it does; nil if it does not say.
func (a *runningAgent) ask(socket string) *local.Status {
	ctx, cancel := context.WithTimeoutCause(a.ctx, statusTimeout, console.TimeoutError{Limit: statusTimeout})
	defer cancel()
	client := local.NewClient(socket)
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		a.fail("agent.running", "start it again: "+remedy.Here().RestartAgent()+", or end the process that listens there ("+remedy.Here().FindListener(socket)+")",
			"something listens at %s but does not report a status: %v", socket, err)
		return nil
	}
	if status.Version != build.Version() {
		a.warn("agent.version", "start the agent again: "+remedy.Here().RestartAgent()+", or end it and call "+build.Program+" serve",
			"the agent that runs is version %s, and this is %s", status.Version, build.Version())
	}
	if name := subprocess.ProxyFor(status.Address); name != "" {
		a.warn("agent.proxy", "add "+strings.Join(subprocess.LoopbackHosts, ",")+" to NO_PROXY and no_proxy, wherever such programs are started (exec --phantom does it by itself)",
			"%s is set, and NO_PROXY does not name this machine: programs that call the agent at %s send that proxy their secret in clear", name, status.Address)
	}
	if status.Problem != nil {
		a.fail("agent.audit", strings.Join(status.Problem.Hints, "; "), "%s", status.Problem.Message)
	}
	if status.TLS != nil && status.TLS.Problem != "" {
		a.fail("fleet.agent", "put the files in the directory of tls right; the agent reads them again by itself", "%s", status.TLS.Problem)
	}
	if status.Fleet != nil {
		a.judgeLease(status.Fleet)
	}
	a.ok("agent.running", "it runs as process %d since %s, and shows %s to this user", status.PID, console.Time(status.StartedAt), console.Counted(len(status.Profiles), "profile"))
	i := slices.IndexFunc(status.Profiles, func(p local.ProfileStatus) bool { return p.Name == a.profile })
	if i < 0 {
		a.warn("agent.profile", build.Program+" reload, if it was added since; allow in the profile says who may use it",
			"the agent does not show a profile %q to this user", a.profile)
	} else {
		a.judgeProfile(status.Profiles[i])
		a.compareProxies(status.Profiles[i].Proxy)
	}
	return &status
}

// compareProxies tells where the agent reaches Anaplan in another way than this command: a service does
// not have the variables of a shell.
func (a *runningAgent) compareProxies(theirs string) {
	ours := cmp.Or(upstream.ProxyFor(a.auth), local.Direct)
	way := func(proxy string) string {
		if proxy == local.Direct {
			return "directly"
		}
		return "through the proxy " + proxy
	}
	switch {
	case theirs == "" || a.auth == "":
	case theirs == ours:
		a.ok("agent.upstream", "the agent reaches Anaplan %s, as this command does", way(theirs))
	default:
		a.warn("agent.upstream", "give the agent the same HTTPS_PROXY, where its service is defined: "+remedy.Here().SetForAgent("HTTPS_PROXY", "http://HOST:PORT")+" (or give this shell the agent's)",
			"the agent reaches Anaplan %s, and this command %s", way(theirs), way(ours))
	}
}

// judgeProfile says how a profile does.
func (a *runningAgent) judgeProfile(p local.ProfileStatus) {
	problem, do := "", ""
	if p.Problem != nil {
		problem, do = ": "+p.Problem.Message, strings.Join(p.Problem.Hints, "; ")
	}
	switch p.State {
	case agent.StateDown:
		a.fail("agent.profile", do, "the agent has no token for profile %q%s", p.Name, problem)
	case agent.StateDegraded:
		a.warn("agent.profile", do, "the agent cannot renew the token of profile %q, which ends at %s%s", p.Name, console.Time(p.ExpiresAt), problem)
	case agent.StateLocked:
		a.warn("agent.profile", build.Program+" unlock", "profile %q is locked: 'lock' was called%s", p.Name, problem)
	default:
		a.ok("agent.profile", "profile %q is %s", p.Name, p.State)
	}
}
