//go:build cgo

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// Variables of make fleet-test: the file that the table is written to, and whether all rows are wanted, each
// for as long as the promise says.
const (
	fleetVariable      = "ANAPLAN_AGENT_FLEET_TEST"
	wholeFleetVariable = "ANAPLAN_AGENT_FLEET_TEST_WHOLE"
)

// TestFleet keeps the promises of docs/fleet.md, with agents in networks of their own: how long programs miss
// an answer, and how often the fleet logs in, while things go wrong. It takes a machine for itself, so it is
// run by make fleet-test alone.
func TestFleet(t *testing.T) {
	file, whole := os.Getenv(fleetVariable), os.Getenv(wholeFleetVariable) != ""
	if file == "" {
		return
	}
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to make network namespaces")
	}
	began, l := time.Now(), newFaultLab(t)
	tables := make([]*fleetTable, 2)
	var fleets sync.WaitGroup // they wait most of the time
	for i, name := range []string{"a lease in PostgreSQL", "the order of the members"} {
		tables[i] = &fleetTable{name: name, hasLease: i == 0, whole: whole}
		fleets.Go(func() {
			t.Run(name, func(t *testing.T) { tables[i].fill(t, l) })
		})
	}
	asked := ""
	if whole {
		fleets.Go(func() { asked = "\n" + askForAll(t, l) })
	}
	fleets.Wait()
	rows := "a few rows, FLEET=short"
	if whole {
		rows = "all rows"
	}
	text := fmt.Sprintf("%s; %s in %v.\n", howRun(), rows, time.Since(began).Round(time.Second)) + asked
	for _, table := range tables {
		text += fmt.Sprintf("\nWho leads is said by %s:\n\n%s", table.name, inMarkdown(table.lines))
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fleetTable is what came of all rows in one fleet.
type fleetTable struct {
	name            string
	hasLease, whole bool
	lines           [][]string
}

// plentiful is an allowance that no program here uses up.
const plentiful = 60_000

func (table *fleetTable) fill(t *testing.T, l *faultLab) {
	table.lines = [][]string{{"what happens", "calls", "failed", "longest gap", "at most", "logins", "429", "who leads"}}
	f := newFleetLab(t, l, table.hasLease, plentiful)
	for _, m := range slices.Concat(f.members, f.edges) {
		m.start()
	}
	rows := upsets()
	if table.hasLease {
		rows = append(rows, upgrades(neighbour(t))...)
	}
	if table.hasLease && table.whole {
		rows = append(rows, clockUpsets(t)...)
	}
	for _, u := range rows {
		if u.isHere(table) {
			table.lines = append(table.lines, u.suffer(t, f, table.whole))
		}
	}
}

// upset is a row: something that happens to a fleet.
type upset struct {
	name  string
	place fleetKind
	brief bool // it is in the short tables too
	once  bool // of these in that of the order only

	gap    time.Duration // that a program may miss an answer for
	logins int           // that it may cost
	fails  bool          // calls fail meanwhile

	crowd bool // many programs call, and hardly pause

	// hits returns the members whose own programs are not asked what they see; nil: the leader.
	hits func(f *companyLab, leader *companyMachine) []*companyMachine

	// act has it happen, and returns when it is over and all agents run again. It may return a gap of its
	// own, which counts in place of that of the programs.
	act func(f *companyLab, leader *companyMachine, whole bool) time.Duration
}

// fleetKind is in which fleets a row is.
type fleetKind int

const (
	inBoth fleetKind = iota
	withLease
	withOrder
)

func (u upset) isHere(table *fleetTable) bool {
	return (table.whole || u.brief && !(u.once && table.hasLease)) && (u.place == inBoth || (u.place == withLease) == table.hasLease)
}

// What docs/fleet.md promises of the longest gap.
const (
	gapKilled = time.Second
	gapFrozen = lease.Duration + time.Second
	gapGiven  = 2 * time.Second        // the leader has given the lead away by itself
	gapNone   = 500 * time.Millisecond // what a call may take in any case
	gapBack   = 2 * time.Second        // after the first member is back
)

// suffer has it happen, and returns the line of the table.
func (u upset) suffer(t *testing.T, f *companyLab, whole bool) (line []string) {
	line = []string{u.name, "", "", "FAILED", "", "", "", ""}
	t.Run(u.name, func(t *testing.T) {
		defer f.lend(t)()
		line = u.run(f, whole)
		if t.Failed() {
			line[3] += " FAILED"
			f.tell()
		}
	})
	return line
}

// lend has failures of the fleet be those of a test, until that ends.
func (f *companyLab) lend(t *testing.T) (giveBack func()) {
	was := f.t
	set := func(t *testing.T) {
		f.t, f.net.t = t, t
		for _, m := range slices.Concat(f.members, f.edges) {
			m.site.t = t
		}
		if f.store != nil {
			f.store.t = t
		}
	}
	set(t)
	return func() { set(was) }
}

func (u upset) run(f *companyLab, whole bool) []string {
	f.t.Helper()
	f.await("all members know that all are there", func() bool { return !slices.ContainsFunc(f.members, (*companyMachine).missesOne) })
	leader := f.leader(f.members...)
	plain := f.timeFleetLogin(leader)
	hit := []*companyMachine{leader}
	if u.hits != nil {
		hit = u.hits(f, leader)
	}
	watched := append(slices.Clone(f.edges), f.others(hit...)...)
	before := f.server.Counts()
	pause, programs := betweenFleetCalls, watched
	if u.crowd {
		pause, programs = betweenFleetCalls/5, slices.Repeat(watched, 4)
	}
	callers := callFrom(pause, programs...)
	f.awaitEach(callers, 3, watched...)
	callers.forget()
	stood := standstill()
	own := u.act(f, leader, whole)
	lost := stood()
	f.awaitEach(callers, 3, watched...)
	callers.stop()
	after, next := f.server.Counts(), f.leader(f.members...)

	gap := callers.longest
	if own > 0 {
		gap = own
	}
	logins, throttled := after.Logins-before.Logins, after.Throttled-before.Throttled
	slow := slowness(plain) + lost
	told := fmt.Sprintf("%d ms", gap.Milliseconds())
	if u.gap > 0 && gap > u.gap {
		told += fmt.Sprintf(", %d by the machine", slow.Milliseconds())
	}
	if u.gap > 0 && gap-slow > u.gap {
		f.t.Errorf("a gap of %v at %s, on a machine that made it %v longer, and %v was promised", gap, callers.where, slow, u.gap)
	}
	if late := int(slow / (2 * time.Second)); logins > u.logins+late { // a call waits so long for another leader
		f.t.Errorf("%d logins, and at most %d was promised", logins, u.logins)
	}
	if !u.fails && len(callers.failed) > 0 {
		f.t.Errorf("%d calls failed: %s", len(callers.failed), strings.Join(callers.failed, "; "))
	}
	if throttled > 0 {
		f.t.Errorf("%d calls came back with 429", throttled)
	}
	who := leader.host.name
	if next != leader {
		who += ", then " + next.host.name
	}
	most := "-"
	if u.gap > 0 {
		most = fmt.Sprintf("%d ms", u.gap.Milliseconds())
	}
	return []string{
		u.name, fmt.Sprint(callers.calls), fmt.Sprint(len(callers.failed)), told, most,
		fmt.Sprint(logins), fmt.Sprint(throttled), who,
	}
}

// forget forgets all that was seen, but who has had how many answers.
func (c *fleetCallers) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls, c.failed, c.longest = 0, nil, 0
}

// timeFleetLogin returns how long a login takes where nothing is wrong.
func (f *companyLab) timeFleetLogin(leader *companyMachine) time.Duration {
	f.t.Helper()
	began := time.Now()
	leader.check(leader.logsInAgain())
	return time.Since(began)
}
