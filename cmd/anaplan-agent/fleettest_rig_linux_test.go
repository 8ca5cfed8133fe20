//go:build cgo

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// The name in the certificates of edges, and the port of members.
const (
	labEdge    = "spiffe://corp/etl/edge"
	memberPort = 8471
)

// companyLab is a company's network: three members, two edges, an Anaplan, and a PostgreSQL with their lease
// unless the order of the members counts.
type companyLab struct {
	*faultLab
	t       *testing.T
	net     *network
	ca      *mutualtlstest.CA
	anaplan *fleetAnaplan
	store   *fleetStore // nil: there is none
	members []*companyMachine
	edges   []*companyMachine
}

// companyMachine is a host with an agent.
type companyMachine struct {
	*site
	host  *host
	known string // its address, as other machines have it
	plain string // the program that all machines have, where it has run another
}

// fleetAnaplan is Anaplan, in a host of its own.
type fleetAnaplan struct {
	*anaplantest.Server
	host *host

	mu    sync.Mutex
	times []time.Time // of the calls
}

// newFleetLab makes it; nothing runs yet. perMinute is the tenant's allowance, which Anaplan holds it to.
func newFleetLab(t *testing.T, l *faultLab, withStore bool, perMinute int) *companyLab {
	f := &companyLab{t: t, net: newNetwork(t)}
	own := *l
	f.faultLab = &own
	if built := os.Getenv(builtVariable); built != "" {
		own.program = filepath.Join(built, build.Program)
	}
	ca, err := mutualtlstest.NewCA("Company CA")
	if err != nil {
		t.Fatal(err)
	}
	f.ca = ca
	f.serveAnaplan(perMinute)
	if withStore {
		f.store = newFleetStore(t, f.net.add("store"))
	}
	var hosts []*host
	for i := range 3 {
		hosts = append(hosts, f.net.add(fmt.Sprintf("member%d", i+1)))
	}
	for _, host := range hosts {
		f.members = append(f.members, f.newMember(host, hosts, perMinute))
	}
	for i := range 2 {
		f.edges = append(f.edges, f.newEdge(f.net.add(fmt.Sprintf("edge%d", i+1)), i))
	}
	return f
}

// serveAnaplan has Anaplan listen in its host.
func (f *companyLab) serveAnaplan(perMinute int) {
	f.t.Helper()
	f.server = anaplantest.NewServer(f.t, &anaplantest.Options{
		Burst: perMinute, Refill: max(perMinute/60, 1), QuickTasks: true, MaxContent: 3 << 30,
	})
	a := &fleetAnaplan{Server: f.server, host: f.net.add("anaplan")}
	_, err := f.server.RegisterCertificate(f.cert)
	f.faultLab.ca = filepath.Join(f.t.TempDir(), "ca.pem")
	cert, certErr := f.server.CA.ServerCertificate(a.host.address())
	listener, listenErr := a.host.listen(443)
	if err := errors.Join(err, certErr, listenErr, os.WriteFile(f.faultLab.ca, f.server.CA.PEM(), 0o600)); err != nil {
		f.t.Fatal(err)
	}
	server := &http.Server{Handler: a, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan struct{})
	go func() { defer close(ended); server.ServeTLS(listener, "", "") }()
	f.t.Cleanup(func() { server.Close(); <-ended })
	f.anaplan = a
}

// ServeHTTP implements http.Handler.
func (a *fleetAnaplan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/2/0/") {
		a.mu.Lock()
		a.times = append(a.times, time.Now())
		a.mu.Unlock()
	}
	a.Server.ServeHTTP(w, r)
}

// busiest returns the most calls that came in any minute.
func (a *fleetAnaplan) busiest() (most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := 0
	for i, at := range a.times {
		for at.Sub(a.times[first]) >= time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// newMember returns a member that does not run.
func (f *companyLab) newMember(at *host, all []*host, perMinute int) *companyMachine {
	m := &companyMachine{site: f.newSite(f.t, fault{}, inFile), host: at, known: fmt.Sprintf("%s:%d", at.address(), memberPort)}
	m.give(m.device.right)
	url := "https://" + f.anaplan.host.address()
	m.settings["auth_url"], m.settings["api_url"], m.settings["timeout"] = url, url, "10s"
	m.ofAgent = map[string]string{"listen_tls": m.known, "tls": m.path("tls"), "audit_file": m.path("audit.log")}
	m.tables = fmt.Sprintf("requests_per_minute = %d\n\n[fleet]\naddress = %q\ntrust = %q\nmembers = [", perMinute, m.known, memberName)
	for _, one := range all {
		m.tables += fmt.Sprintf("%q, ", fmt.Sprintf("%s:%d", one.address(), memberPort))
	}
	m.tables += "]\n"
	if f.store != nil {
		m.tables += fmt.Sprintf("lease = %q\n", "postgres:sslmode=disable "+f.store.parameters())
	}
	m.tables += fmt.Sprintf("\n[client.nightly]\ncertificates = [%q]\npolicy = ['list', 'run process \"Nightly load\" in model \"Plan\"', 'upload file \"Sales.csv\" in model \"Plan\"', 'upload file \"Prices.csv\" in model \"Plan\"']\n", labEdge)
	m.begins = at.start
	f.certify(m, memberName)
	return m
}

// newEdge returns an edge that does not run. It begins with the member of that number.
func (f *companyLab) newEdge(at *host, first int) *companyMachine {
	dir, err := os.MkdirTemp("", "edge")
	if err != nil {
		f.t.Fatal(err)
	}
	m := &companyMachine{site: &site{faultLab: f.faultLab, t: f.t, dir: dir, begins: at.start}, host: at}
	f.t.Cleanup(m.clear)
	m.check(errors.Join(os.Mkdir(m.path("home"), 0o700), os.Mkdir(m.path("run"), 0o700)))
	m.env = map[string]string{
		siteVariable: dir, "PATH": os.Getenv("PATH"), "HOME": m.path("home"), "XDG_RUNTIME_DIR": m.path("run"),
		"ANAPLAN_AGENT_CONFIG": m.path("config.toml"), "GORACE": "atexit_sleep_ms=0",
	}
	m.ofAgent = map[string]string{"tls": m.path("tls")}
	var keys []string
	for i := range f.members {
		one := f.members[(first+i)%len(f.members)]
		keys = append(keys, fmt.Sprintf("%q", "agent:https://"+one.known+"?id="+memberName))
	}
	m.tables = "key = [" + strings.Join(keys, ", ") + "]\n"
	f.certify(m, labEdge)
	return m
}

// certify gives a machine a certificate.
func (f *companyLab) certify(m *companyMachine, name string) {
	f.t.Helper()
	m.check(f.ca.Issue(m.path("tls"), mutualtlstest.Certificate{Names: []string{name}}))
}

// fleet returns what a member tells of the fleet; zero: it does not answer.
func (m *companyMachine) fleet() local.FleetStatus {
	client := m.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil || status.Fleet == nil {
		return local.FleetStatus{}
	}
	return *status.Fleet
}

// missesOne reports whether a member says of another that it does not answer, or cannot lead.
func (m *companyMachine) missesOne() bool {
	told := m.fleet()
	return len(told.Members) == 0 || slices.ContainsFunc(told.Members, func(one local.FleetMember) bool { return one.Unreachable != "" || !one.Fit })
}

// leader returns the member that leads by what others say that run, once they agree.
func (f *companyLab) leader(others ...*companyMachine) *companyMachine {
	f.t.Helper()
	var found *companyMachine
	f.await("all agree on who leads", func() bool {
		found = f.agreed(others)
		return found != nil
	})
	return found
}

// agreed returns the member that those say leads; nil: they do not agree.
func (f *companyLab) agreed(say []*companyMachine) *companyMachine {
	leader := ""
	for _, m := range say {
		told := m.fleet().Leader
		if told == "" || leader != "" && told != leader {
			return nil
		}
		leader = told
	}
	i := slices.IndexFunc(f.members, func(m *companyMachine) bool { return m.known == leader })
	if i < 0 {
		return nil
	}
	return f.members[i]
}

// others returns the members but for some.
func (f *companyLab) others(but ...*companyMachine) []*companyMachine {
	return slices.DeleteFunc(slices.Clone(f.members), func(m *companyMachine) bool { return slices.Contains(but, m) })
}

// await waits for what comes by itself.
func (f *companyLab) await(what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(faultPatience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("not yet: %s", what)
		}
	}
}

// tell logs what all agents have logged, for a test that has failed.
func (f *companyLab) tell() {
	for _, m := range slices.Concat(f.members, f.edges) {
		if m.agent != nil {
			f.t.Logf("%s:\n%s", m.host.name, m.agent.log.String())
		}
	}
}

// signalAll sends a signal to the processes of a machine.
func (m *companyMachine) signalAll(signal syscall.Signal) {
	for _, pid := range m.processes() {
		syscall.Kill(pid, signal)
	}
}

// runsInside runs a command in the network of its machine.
func (m *companyMachine) runsInside(args ...string) (e ended) {
	m.check(m.host.inside(func() error { e = m.run(m.command(args...)); return nil }))
	return e
}
