//go:build linux && cgo

package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres/postgrestest"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
)

// BenchmarkFleet measures what a way over other machines costs, in turn with the way without it, and what
// callers and Anaplan see of failovers. Run it with: make bench-fleet
func BenchmarkFleet(b *testing.B) {
	row, print := newTable(b)
	defer print()
	benchmarkMembers(b, row)
	l := newAgentLab(b)
	upstream := startBare(b, true, bareUpstreamCommand, l.file("upstream.pem"))
	f := l.startFleet(b, 8, l.forwarding(upstream), []string{"GET /2/0/**", "PUT /2/0/sink"})
	edge, leader := f.edges[0], f.members[0]
	for _, callers := range []int{8, 64} {
		rowLoads(b, row, fmt.Sprintf("token%d", callers), fmt.Sprintf("token of an edge, %d callers", callers), []string{">= 0.95", ""},
			newLoad(b, edge.agent.socket, tokenPath, callers), newLoad(b, leader.agent.socket, tokenPath, callers), 2048, "of the member that leads")
	}
	rowLoads(b, row, "kilobyte", "GET of 1 kB through edge and leader, 8 clients", []string{">= 0.40", "<= 3.00"},
		newLoad(b, edge.agent.socket, "/2/0/kilobyte", 8), newLoad(b, leader.agent.socket, "/2/0/kilobyte", 8), 512, "through the leader alone")
	f.benchmarkStreams(b, row, edge, leader)
	f.benchmarkGap(b, row)
	f.stop(b)
	benchmarkHour(b, row)
}

// fleetLab is a lab with several machines, whose agents know each other: three members of a fleet, by a
// lease in PostgreSQL, and edges.
type fleetLab struct {
	*agentLab
	ca      *mutualtlstest.CA
	members []*benchMachine // the first one leads at the beginning
	edges   []*benchMachine // of which each goes to another member first
}

// benchMachine is a machine, as far as its agent can see: it has a state, a configuration and a
// certificate of its own.
type benchMachine struct {
	*agentLab
	address  string      // for other machines; "": there is none
	settings string      // of the agent, and tables that follow
	agent    *benchAgent // the last one that was started
}

const memberCount = 3

// startFleet starts a fleet, whose members have the same key. profile is what theirs has beside it; rules are
// those of each edge.
func (l *agentLab) startFleet(b *testing.B, edges int, profile string, rules []string) *fleetLab {
	ca, err := mutualtlstest.NewCA("Company CA")
	if err != nil {
		b.Fatal(err)
	}
	f := &fleetLab{agentLab: l, ca: ca}
	f.makeMembers(b, edges, profile, rules)
	f.makeEdges(b, edges)
	for i, member := range f.members {
		member.start(b)
		f.await(b, "a member that leads", func() bool { return f.members[i].leader(b) == f.members[0].address })
	}
	f.members[0].agent.token(b, local.DefaultProfile)
	for _, edge := range f.edges {
		edge.start(b)
	}
	return f
}

func (f *fleetLab) makeMembers(b *testing.B, edges int, profile string, rules []string) {
	server := &postgres{programs: postgrestest.Programs(b), address: "127.0.0.1", port: freePort(b)}
	if err := server.make(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(server.remove)
	if err := server.start(); err != nil {
		b.Fatal(err)
	}
	var addresses []string
	for range memberCount {
		addresses = append(addresses, "localhost:"+freePort(b))
	}
	var clients strings.Builder
	for i := range edges {
		fmt.Fprintf(&clients, "\n[client.edge-%d]\ncertificates = [%q]\npolicy = %s\n", i, edgeName(i), tomlList(rules))
	}
	for i, address := range addresses {
		member := f.machine(b, fmt.Sprintf("member%d", i), "localhost", memberName)
		member.address = address
		member.settings += fmt.Sprintf("listen_tls = %q\n\n[fleet]\naddress = %q\nmembers = %s\ntrust = %q\nlease = \"postgres:host=127.0.0.1 port=%s user=admin dbname=postgres\"\n%s",
			strings.Replace(address, "localhost", "127.0.0.1", 1), address, tomlList(addresses), memberName, server.port, clients.String())
		member.write(b, "profile.toml", f.profile(b)+profile)
		f.members = append(f.members, member)
	}
}

func (f *fleetLab) makeEdges(b *testing.B, edges int) {
	for i := range edges {
		var keys []string
		for j := range f.members {
			keys = append(keys, "agent:https://"+f.members[(i+j)%len(f.members)].address)
		}
		edge := f.machine(b, fmt.Sprintf("edge%d", i), edgeName(i))
		edge.write(b, "profile.toml", fmt.Sprintf("key = %s\nrequests_per_minute = \"100000000\"\n", tomlList(keys)))
		f.edges = append(f.edges, edge)
	}
}

// Names in certificates.
const memberName = "spiffe://corp/etl/agent"

func edgeName(i int) string { return fmt.Sprintf("spiffe://corp/etl/edge-%d", i) }

// machine returns a machine whose certificate has those names.
func (f *fleetLab) machine(b *testing.B, dir string, names ...string) *benchMachine {
	own := &lab{dir: f.file(dir), module: f.module, binary: f.binary}
	if err := f.ca.Issue(own.file("tls"), mutualtlstest.Certificate{Names: names, Until: 23 * time.Hour}); err != nil {
		b.Fatal(err)
	}
	own.env = append(slices.Clone(f.env), "XDG_STATE_HOME="+own.file("state"), "ANAPLAN_AGENT_CONFIG="+own.file("config.toml"))
	return &benchMachine{agentLab: &agentLab{lab: own, url: f.url}, settings: fmt.Sprintf("tls = %q\n", own.file("tls"))}
}

func (m *benchMachine) start(b *testing.B) { m.agent = m.serve(b, 1, m.settings) }

// kill ends the machine's agent as a crash does.
func (m *benchMachine) kill(b *testing.B) {
	if err := m.agent.cmd.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	m.agent.cmd.Wait()
}

// stop ends all agents.
func (f *fleetLab) stop(b *testing.B) {
	for _, machine := range slices.Concat(f.edges, f.members) {
		machine.agent.stop(b)
	}
}

// leader returns the address of the member that leads, as a member knows it; "": it does not.
func (m *benchMachine) leader(b *testing.B) string {
	client := local.NewClient(m.agent.socket)
	defer client.Close()
	status, err := client.Status(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return status.Fleet.Leader
}

// await waits for what comes by itself.
func (f *fleetLab) await(b *testing.B, what string, holds func() bool) {
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("not yet: %s", what)
		}
	}
}

// freePort returns a port at which an agent can listen that must be known before it is started.
func freePort(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// idleTime is more than two collections of garbage are apart where nothing happens (runtime.forcegcperiod).
const idleTime = 150 * time.Second

// benchmarkMembers measures members that have nothing to do but to look after each other and the lease, which
// makes their memory grow until garbage is collected: the most of that is taken. Pages of the program's file
// are the page cache's, and are printed only; they are as many as the file has.
func benchmarkMembers(b *testing.B, row row) {
	l := newAgentLab(b)
	f := l.startFleet(b, 1, fmt.Sprintf("api_url = %q\n", l.url), []string{"list"})
	defer f.stop(b)
	var most memory
	for end := time.Now().Add(idleTime); time.Now().Before(end); {
		for _, member := range f.members {
			now := member.agent.settle(b)
			most = memory{max(most.rss, now.rss), max(most.anon, now.anon), max(most.file, now.file)}
		}
	}
	row("idle member with lease, MiB at any time", most.rss, "", "%.1f", "")
	row("  its own (RssAnon), MiB", most.anon, "<= 10", "%.1f", "")
	row("  of files (RssFile), MiB", most.file, "", "%.1f", "")
}

// benchmarkStreams sends and fetches a gibibyte through an edge and the leader, and through the leader
// alone, in the order A B B A, and looks at the memory of both meanwhile.
func (f *fleetLab) benchmarkStreams(b *testing.B, row row, edge, leader *benchMachine) {
	const size, rounds = 1 << 30, 3
	for _, stream := range []struct {
		name string
		do   func(*testing.B, *http.Client) time.Duration
	}{{"down", fetchBytes(size)}, {"up", sendBytes(size)}} {
		through, direct := socketClient(edge.agent.socket), socketClient(leader.agent.socket)
		stream.do(b, through)
		var ratios, speeds, before []float64
		var peaks []func() float64
		both := []*benchMachine{edge, leader}
		for _, machine := range both {
			anon := func() float64 { return machine.agent.memory(b).anon }
			before, peaks = append(before, anon()), append(peaks, watchPeak(anon))
		}
		for range rounds {
			first, second := stream.do(b, through), stream.do(b, direct)
			third, fourth := stream.do(b, direct), stream.do(b, through)
			ratios = append(ratios, float64(second+third)/float64(first+fourth))
			speeds = append(speeds, 2*size/(first+fourth).Seconds()/(1<<20))
		}
		what := "1 GiB " + stream.name + " through edge and leader"
		row(what+", throughput", median(ratios), "", "%.2f", "through the leader alone")
		row(what+", MiB/s", median(speeds), "", "%.0f", "")
		for i, name := range []string{"edge", "leader"} {
			row("  the "+name+"'s own (RssAnon) before, MiB", before[i], "", "%.1f", "after the first")
			row("  after six, MiB", both[i].agent.memory(b).anon, "", "%.1f", "")
			row("  MiB more at any time", peaks[i]()-before[i], "<= 4", "%.2f", "")
		}
	}
}
