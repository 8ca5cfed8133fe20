//go:build linux && cgo

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAgent measures the running agent, in turn with its yardsticks. Run it with:
// make bench
func BenchmarkAgent(b *testing.B) {
	l := newAgentLab(b)
	row, print := newTable(b)
	defer print()
	b.Run("requests", func(b *testing.B) { l.benchmarkRequests(b, row) })
	b.Run("ready", func(b *testing.B) { l.benchmarkReady(b, row) })
	b.Run("token", func(b *testing.B) { l.benchmarkToken(b, row) })
	// These are done once, and are not loops.
	l.benchmarkAtOnce(b, row)
	l.benchmarkProfiles(b, row)
	l.benchmarkIdle(b, row)
	l.benchmarkFlat(b, row)
}

// benchmarkRequests compares tokens with constants.
func (l *agentLab) benchmarkRequests(b *testing.B, row row) {
	bare := startBareServer(b, l.file("bare.sock"))
	plain := l.serve(b, 1, "")
	audited := l.serve(b, 1, fmt.Sprintf("audit_file = %q\n", l.file("audit.log")))
	for _, callers := range []int{8, 64} {
		rowLoads(b, row, strconv.Itoa(callers), fmt.Sprintf("token, %d callers", callers), []string{">= 0.80", "<= 1.30"},
			newLoad(b, plain.socket, tokenPath, callers), newLoad(b, bare, tokenPath, callers), 2048, bareWords)
	}
	rowLoads(b, row, "audited", "with an audit log, 64 callers", []string{">= 0.60", ""},
		newLoad(b, audited.socket, tokenPath, 64), newLoad(b, bare, tokenPath, 64), 512, bareWords)
}

// bareWords says in a table what loads are compared with that have a server or proxy to themselves.
const bareWords = "the bare server or proxy"

// rowLoads compares loads, and adds requests a second and the 99th percentile to the table.
func rowLoads(b *testing.B, row row, name, what string, limits []string, ours, yardstick load, n int, words string) {
	figures := best(b, name, limits, func(b *testing.B) []float64 {
		rate, p99 := compareLoads(b, ours, yardstick, n)
		return []float64{rate, p99}
	})
	if figures != nil {
		row(what+", requests/s", figures[0], limits[0], "%.2f", words)
		row(what+", p99", figures[1], limits[1], "%.2f", words)
	}
}

const tokenPath = "/v1/token"

// benchmarkAtOnce has more callers than any machine has scripts ask an agent that has no
// token. The answer to its login comes late, so that all of them wait for it.
func (l *agentLab) benchmarkAtOnce(b *testing.B, row row) {
	const callers = 10_000
	a := l.serve(b, 1, "")
	connected := newLoad(b, a.socket, tokenPath, callers)
	before := l.logins(b)
	l.fault(b, `{"path": "/token/authenticate", "fault": "slow", "argument": "2s", "times": 1}`)

	tokens := make([]string, callers)
	var all sync.WaitGroup
	began := time.Now()
	for i, c := range connected {
		all.Go(func() {
			body, err := c.ask()
			if err != nil {
				b.Error(err)
			}
			tokens[i] = string(body)
		})
	}
	all.Wait()
	took := time.Since(began)
	first, _, _ := strings.Cut(tokens[0], `"expires_in"`)
	for _, token := range tokens {
		if token, _, found := strings.Cut(token, `"expires_in"`); !found || token != first {
			b.Fatalf("a caller has got %q", token)
		}
	}
	row("10,000 callers at once, signatures", a.metric(b, `anaplan_agent_signatures_total{profile="default",result="ok"}`), "= 1", "%.0f", "")
	row("10,000 callers at once, logins at Anaplan", float64(l.logins(b)-before), "= 1", "%.0f", "")
	row("10,000 callers at once, s after a login of 2 s", took.Seconds()-2, "", "%.2f", "")
	row("10,000 callers at once, MiB", a.memory(b).rss, "", "%.1f", "")
}

// benchmarkProfiles measures what many profiles cost.
func (l *agentLab) benchmarkProfiles(b *testing.B, row row) {
	const profiles = 1000
	var starts, each []float64
	for range 3 {
		one := l.serve(b, 1, "")
		many := l.serve(b, 1+profiles, "")
		starts = append(starts, many.took.Seconds())
		each = append(each, kilobytesEach(one.settle(b), many.settle(b), profiles))
		one.stop(b)
		many.stop(b)
	}
	row("1,000 profiles, start, s", median(starts), "<= 1", "%.2f", "")
	row("1,000 profiles, kB each", median(each), "<= 20", "%.1f", "an agent with one")
	row("1,000 profiles, kB more for each that has logged in", l.kilobytesALogin(b), "", "%.1f", "")
}

// kilobytesALogin has some profiles of many log in.
func (l *agentLab) kilobytesALogin(b *testing.B) float64 {
	const profiles, logins = 1000, 200
	a := l.serve(b, 1+profiles, "")
	a.token(b, "default")
	before := a.settle(b)
	for i := range logins {
		a.token(b, fmt.Sprintf("p%d", i))
	}
	return kilobytesEach(before, a.settle(b), logins)
}

func kilobytesEach(before, after memory, n int) float64 {
	return (after.rss - before.rss) * 1024 / float64(n)
}

// benchmarkIdle measures an agent that has a token and nothing to do.
func (l *agentLab) benchmarkIdle(b *testing.B, row row) {
	var all, anon, file []float64
	for range 5 {
		a := l.serve(b, 1, "")
		a.token(b, "default")
		idle := a.settle(b)
		all, anon, file = append(all, idle.rss), append(anon, idle.anon), append(file, idle.file)
		a.stop(b)
	}
	row("idle, MiB", median(all), "", "%.1f", "")
	row("  its own (RssAnon), MiB", median(anon), "<= 3", "%.1f", "")
	row("  of files (RssFile), MiB", median(file), "", "%.1f", "")
}

// benchmarkReady measures from the start until the first answer.
func (l *agentLab) benchmarkReady(b *testing.B, row row) {
	var more []float64
	for b.Loop() {
		first := measure(b, l.command(l.binary, "version")())
		a := l.serve(b, 1, "")
		a.stop(b)
		second := measure(b, l.command(l.binary, "version")())
		more = append(more, (a.took-(first+second)/2).Seconds()*1000)
	}
	b.ReportMetric(median(more), "ms-more")
	row("ready, ms more", median(more), "<= 15", "%.1f", "anaplan-agent version")
}

// benchmarkToken measures the command that asks the agent.
func (l *agentLab) benchmarkToken(b *testing.B, row row) {
	a := l.serve(b, 1, "")
	wall := compare(b, l.command(l.binary, "token"), l.command(l.binary, "version"))
	if asked := a.metric(b, `anaplan_agent_requests_total{route="/v1/token",status="200"}`); int(asked) != 1+2*b.N {
		b.Fatalf("the agent was asked %v times by %d commands", asked, 1+2*b.N)
	}
	row("token of the agent, wall", wall, "<= 1.50", "%.2f", "anaplan-agent version")
}

// benchmarkFlat looks whether memory grows with requests.
func (l *agentLab) benchmarkFlat(b *testing.B, row row) {
	a := l.serve(b, 1, "")
	a.token(b, "default")
	a.settle(b)
	callers := newLoad(b, a.socket, tokenPath, 8)
	callers.round(b, 100_000)
	before := a.memory(b).rss
	rate, _ := callers.round(b, 1_000_000)
	row("1,000,000 requests, MiB more", a.memory(b).rss-before, "<= 1", "%.2f", "after the first 100,000")
	row("1,000,000 requests, a second", rate, "", "%.0f", "")
}

// agentLab is a lab whose settings are in a configuration file, where the agent has them
// from.
type agentLab struct {
	*lab
	url    string // of the emulator
	served int    // agents so far
}

func newAgentLab(b *testing.B) *agentLab {
	l := &agentLab{lab: newLab(b)}
	var env []string
	var profile strings.Builder
	for _, variable := range l.env {
		switch name, value, _ := strings.Cut(variable, "="); name {
		case "ANAPLAN_AGENT_AUTH_URL":
			l.url = value
			fallthrough
		case "ANAPLAN_AGENT_KEY", "ANAPLAN_AGENT_PIN":
			fmt.Fprintf(&profile, "%s = %q\n", strings.ToLower(strings.TrimPrefix(name, "ANAPLAN_AGENT_")), value)
		default:
			env = append(env, variable)
		}
	}
	l.env = append(env, "ANAPLAN_AGENT_CONFIG="+l.file("config.toml"))
	l.write(b, "profile.toml", profile.String())
	return l
}

// benchAgent is an agent that runs.
type benchAgent struct {
	cmd    *exec.Cmd
	socket string
	took   time.Duration // until the first answer
}

// serve starts an agent with a number of profiles, the first of which is called default
// and the others p0, p1 and so on. more is settings of the agent.
func (l *agentLab) serve(b *testing.B, profiles int, more string) *benchAgent {
	l.served++
	a := &benchAgent{socket: l.file(fmt.Sprintf("agent%d.sock", l.served))}
	l.configure(b, profiles, fmt.Sprintf("socket = %q\n%s", a.socket, more))
	a.cmd = l.command(l.binary, "serve")()
	began := time.Now()
	if err := a.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.stop(b) })
	awaitAnswer(b, a.socket)
	a.took = time.Since(began)
	return a
}

// configure writes the configuration file. Agents that run have read theirs.
func (l *agentLab) configure(b *testing.B, profiles int, agent string) {
	profile := l.profile(b)
	var text bytes.Buffer
	fmt.Fprintf(&text, "[agent]\n%s\n[profile.default]\n%s", agent, profile)
	for i := range profiles - 1 {
		fmt.Fprintf(&text, "\n[profile.p%d]\n%s", i, profile)
	}
	l.write(b, "config.toml", text.String())
}

// profile is what all profiles have.
func (l *agentLab) profile(b *testing.B) string {
	text, err := os.ReadFile(l.file("profile.toml"))
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// stop ends the agent. It can be called more than once.
func (a *benchAgent) stop(b *testing.B) {
	if a.cmd.ProcessState != nil {
		return
	}
	a.cmd.Process.Signal(syscall.SIGTERM)
	if err := a.cmd.Wait(); err != nil {
		b.Errorf("the agent ended with %v", err)
	}
}

// token has a profile log in.
func (a *benchAgent) token(b *testing.B, profile string) {
	if _, err := askOnce(a.socket, tokenPath+"?profile="+profile); err != nil {
		b.Fatal(err)
	}
}

// metric returns a figure of the agent's own.
func (a *benchAgent) metric(b *testing.B, name string) float64 {
	text, err := askOnce(a.socket, "/metrics")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, found := strings.Cut(text, "\n"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	number, err := strconv.ParseFloat(value, 64)
	if !found || err != nil {
		b.Fatalf("there is no %s in the metrics", name)
	}
	return number
}

// memory is what a process occupies, in MiB.
type memory struct{ rss, anon, file float64 }

// settle waits until an agent that has nothing to do has become quiet.
func (a *benchAgent) settle(b *testing.B) memory {
	time.Sleep(2 * time.Second)
	return a.memory(b)
}

// memory is what the agent occupies now.
func (a *benchAgent) memory(b *testing.B) memory {
	now, err := memoryOf(a.cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return now
}

// memoryOf reads what the kernel counts (proc_pid_status(5)).
func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	mebibytes := func(name string) float64 {
		_, rest, found := strings.Cut(string(text), "\n"+name+":")
		var kilobytes float64
		if _, scanErr := fmt.Sscan(rest, &kilobytes); !found || scanErr != nil {
			err = fmt.Errorf("the kernel does not say %s", name)
		}
		return kilobytes / 1024
	}
	return memory{rss: mebibytes("VmRSS"), anon: mebibytes("RssAnon"), file: mebibytes("RssFile")}, err
}

// logins returns how often Anaplan was asked for a token.
func (l *agentLab) logins(b *testing.B) int {
	var counters struct{ Requests map[string]int }
	if err := json.Unmarshal(l.emulator(b, http.MethodGet, "counters", ""), &counters); err != nil {
		b.Fatal(err)
	}
	return counters.Requests["POST /token/authenticate"]
}

// fault scripts a fault of Anaplan's.
func (l *agentLab) fault(b *testing.B, order string) { l.emulator(b, http.MethodPost, "faults", order) }

// emulator asks the emulator's administration.
func (l *agentLab) emulator(b *testing.B, method, path, body string) []byte {
	request, err := http.NewRequestWithContext(b.Context(), method, l.url+"/emulator/"+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		b.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
	}
	return text
}
