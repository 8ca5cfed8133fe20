package metrics

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// prefix begins the names of the agent's own metrics.
const prefix = "anaplan_agent_"

// Upper bounds of histograms in seconds.
var (
	// requestBounds: a token from memory takes some ten microseconds, one that a person
	// has to touch a card for takes up to a minute.
	requestBounds = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

	// workBounds: a software HSM signs in milliseconds.
	workBounds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
)

// states are in the order of their listing.
var states = []agent.State{agent.StateIdle, agent.StateHealthy, agent.StateDegraded, agent.StateDown, agent.StateLocked}

// Metrics counts. Its methods may be called from any goroutine.
type Metrics struct {
	status      func() map[string]agent.Status
	version     string
	connections func() int
	openTunnels func() int
	started     time.Time

	works     map[agent.EventKind]work
	failures  *family
	failovers *family
	requests  *requests
	calls     *calls
	tunnels   *tunnels
	fleet     *fleet

	profiles   func() map[string]Profile   // nil: nothing more is told of them
	allowances func() map[string]Allowance // nil: there are none

	audit func() (writable bool, owed int) // nil: there is no audit log
}

// work is how one kind of event is counted.
type work struct {
	total   *family
	seconds *family // nil: not measured
}

// New returns Metrics without any counts. status returns the profiles by name and
// connections how many callers are connected; both are called at each scrape, and may be
// nil.
func New(status func() map[string]agent.Status, version string, connections func() int) *Metrics {
	return &Metrics{
		status:      status,
		version:     version,
		connections: connections,
		started:     time.Now(),
		works: map[agent.EventKind]work{
			agent.EventSign:    newWork("signatures", "sign", "Signatures made by the device."),
			agent.EventLogin:   newWork("logins", "login", "Logins exchanged for a token."),
			agent.EventRefresh: newWork("refreshes", "refresh", "Tokens refreshed without the device."),
			agent.EventLogout:  newWork("logouts", "", "Tokens ended."),
		},
		failures:  newFamily(prefix+"failures_total", "counter", "Signatures, logins, refreshes and logouts that failed, by the code of the problem."),
		failovers: newFamily(prefix+"failovers_total", "counter", "Signatures that another key made than the one that was asked first."),
		requests:  newRequests(),
		calls:     newCalls(),
		tunnels:   newTunnels(),
		fleet:     newFleet(),
	}
}

// SetAllowances sets what tells the allowances by the names of their tenants, at each scrape.
// It is called before anything else.
func (m *Metrics) SetAllowances(allowances func() map[string]Allowance) { m.allowances = allowances }

// SetTunnels sets what tells, at each scrape, how many tunnels to other hosts are open. It is called
// before anything else.
func (m *Metrics) SetTunnels(open func() int) { m.openTunnels = open }

// SetAudit sets what tells, at each scrape, whether the audit log can be written, and how many
// lines are kept in memory until it can. It is called before anything else.
func (m *Metrics) SetAudit(audit func() (writable bool, owed int)) { m.audit = audit }

// Call counts a forwarded call.
func (m *Metrics) Call(call Call) { m.calls.add(call) }

// RefusedCall counts a call that a policy has refused.
func (m *Metrics) RefusedCall(profile, client string) { m.calls.refuse(profile, client) }

// Tunnel counts a tunnel that has ended, or was not made.
func (m *Metrics) Tunnel(tunnel Tunnel) { m.tunnels.add(tunnel) }

func newWork(total, seconds, help string) work {
	w := work{total: newFamily(prefix+total+"_total", "counter", help)}
	if seconds != "" {
		w.seconds = newFamily(prefix+seconds+"_seconds", "histogram", "How long it took where it went well. "+help)
	}
	return w
}

// Event counts what the Keeper of a profile did.
func (m *Metrics) Event(profile string, e agent.Event) {
	work, ok := m.works[e.Kind]
	switch {
	case !ok: // idle and state show in the status
	case e.Problem != nil:
		work.total.counter(labels("profile", profile, "result", "failed")).Inc()
		m.failures.counter(labels("profile", profile, "code", string(e.Problem.Code))).Inc()
	default:
		work.total.counter(labels("profile", profile, "result", "ok")).Inc()
		if work.seconds != nil {
			work.seconds.histogram("", workBounds).Update(e.Took.Seconds())
		}
	}
}

// Request counts a request that was answered. route is the pattern that the server has
// for it, never the path that the caller sent.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	m.requests.add(route, status, took)
}

// Write writes everything in a format. Errors of w are left to its owner.
func (m *Metrics) Write(w io.Writer, format Format) {
	out := &page{format: format}
	m.writeAll(out)
	out.end()
	w.Write(out.Bytes())
}

// WriteWanted writes everything in the format that the Accept headers of a scrape prefer, and returns
// its media type.
func (m *Metrics) WriteWanted(w io.Writer, accept []string) (mediaType string) {
	format := Wanted(accept)
	m.Write(w, format)
	return string(format)
}

// writeAll adds all metrics.
func (m *Metrics) writeAll(out *page) {
	m.writeProfiles(out)
	if m.profiles != nil {
		profiles := m.profiles()
		writeKeys(out, slices.Sorted(maps.Keys(profiles)), profiles)
	}
	for _, kind := range slices.Sorted(maps.Keys(m.works)) {
		m.works[kind].total.write(out)
		if seconds := m.works[kind].seconds; seconds != nil {
			seconds.write(out)
		}
	}
	m.failures.write(out)
	m.failovers.write(out)
	m.requests.total.write(out)
	m.requests.seconds.write(out)
	m.calls.write(out)
	m.tunnels.write(out)
	m.fleet.write(out)
	if m.allowances != nil {
		writeAllowances(out, m.allowances())
	}
	m.writeAgent(out)
	writeGo(out)
	writeProcess(out)
}

// writeAgent adds what concerns the agent as a whole.
func (m *Metrics) writeAgent(out *page) {
	if m.connections != nil {
		writeOne(out, prefix+"connections", "gauge", "Callers that are connected.", float64(m.connections()))
	}
	if m.openTunnels != nil {
		writeOne(out, prefix+"open_tunnels", "gauge", "Tunnels to hosts that are not Anaplan's which are open.", float64(m.openTunnels()))
	}
	if m.audit != nil {
		writable, owed := m.audit()
		writeOne(out, prefix+"audit_writable", "gauge", "1 if the audit log can be written; while it cannot, nothing is handed out or called.", float64(bit(writable)))
		writeOne(out, prefix+"audit_owed_lines", "gauge", "Lines that are kept in memory until the audit log can be written.", float64(owed))
	}
	out.head(prefix+"build_info", "gauge", "The version of the agent.")
	fmt.Fprintf(out, "%sbuild_info%s 1\n", prefix, labels("version", m.version))
	writeOne(out, "process_start_time_seconds", "gauge", "When the agent started, in Unix time.", float64(m.started.UnixMilli())/1e3)
}

// writeOne adds a metric that has no labels.
func writeOne(out *page, name, kind, help string, value float64) {
	out.head(name, kind, help)
	fmt.Fprintf(out, "%s %v\n", name, value)
}

// writeProfiles adds how the profiles do now. Nothing of it is kept between scrapes.
func (m *Metrics) writeProfiles(out *page) {
	if m.status == nil {
		return
	}
	status := m.status()
	if len(status) == 0 {
		return
	}
	profiles := slices.Sorted(maps.Keys(status))
	out.head(prefix+"state", "gauge", "1 for the state that the profile is in.")
	for _, profile := range profiles {
		writeState(out, profile, status[profile].State)
	}
	writeProblems(out, profiles, status)
	writeLeft(out, "token_seconds_left", "Until the profile's token ends.", profiles, func(profile string) time.Time {
		return status[profile].ExpiresAt
	})
	writeLeft(out, "certificate_seconds_left", "Until the certificate of the profile's last login ends.", profiles, func(profile string) time.Time {
		if certificate := status[profile].Certificate; certificate != nil {
			return certificate.NotAfter
		}
		return time.Time{}
	})
}

// writeState adds a sample for each state, so that a change is seen of each.
func writeState(out *page, profile string, is agent.State) {
	for _, state := range states {
		value := 0
		if state == is {
			value = 1
		}
		fmt.Fprintf(out, "%sstate%s %d\n", prefix, labels("profile", profile, "state", string(state)), value)
	}
}

// writeProblems adds what is wrong with the profiles, so that an alert can say what a person has to do.
func writeProblems(out *page, profiles []string, status map[string]agent.Status) {
	headed := false
	for _, profile := range profiles {
		problem := status[profile].Problem
		if problem == nil {
			continue
		}
		if !headed {
			out.head(prefix+"problem", "gauge", "1 for what was wrong with the profile's last attempt, by the code of the problem.")
			headed = true
		}
		fmt.Fprintf(out, "%sproblem%s 1\n", prefix, labels("profile", profile, "code", string(problem.Code)))
	}
}

// writeLeft adds how long it is until the ends of something; of the zero time nothing.
func writeLeft(out *page, name, help string, profiles []string, end func(profile string) time.Time) {
	before := out.Len()
	out.head(prefix+name, "gauge", help)
	after := out.Len()
	for _, profile := range profiles {
		if at := end(profile); !at.IsZero() {
			fmt.Fprintf(out, "%s%s%s %.3f\n", prefix, name, labels("profile", profile), time.Until(at).Seconds())
		}
	}
	if out.Len() == after {
		out.Truncate(before)
	}
}
