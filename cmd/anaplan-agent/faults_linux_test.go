//go:build cgo

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// faultsVariable names the file that make faults has the table written to.
const faultsVariable = "ANAPLAN_AGENT_FAULTS"

// TestFaults keeps the promise of docs/reliability.md: whatever goes wrong, the agent is well
// soon after it is over. It has a few rows of the table, and all of them where faultsVariable
// names a file to write the table to.
func TestFaults(t *testing.T) {
	l := newFaultLab(t)
	if file := os.Getenv(faultsVariable); file != "" {
		l.writeFaults(t, file)
		return
	}
	all := troubles()
	few := slices.DeleteFunc(all, func(row trouble) bool { return !slices.Contains(fewTroubles, row.name) })
	if len(few) != len(fewTroubles) {
		t.Fatalf("%d rows of %d names", len(few), len(fewTroubles))
	}
	for i := range few {
		few[i].within = 10 * mostIll // a machine that runs all tests at once is slow
	}
	troubleGrid(l, few).fill(t)
}

// fewTroubles are the rows that each test run has.
var fewTroubles = []string{
	"C_OpenSession: DEVICE_ERROR",
	"C_SignInit: the module crashes",
	"C_Sign: the process is killed",
	"C_Finalize: the module crashes",
	"the token is not there",
	"the card is pulled at the signature",
	"login: a proxy's web page, 401",
	"login: 400 in JSON",
	"login: refused connections",
	"refresh: a proxy's web page, 401",
	"refresh: 400 in JSON",
	"the agent is killed",
	"the signer is killed",
	"the file of the socket is removed",
	"a wrong PIN, and 3 restarts",
	"500 idle connections",
}

// writeFaults runs all rows.
func (l *faultLab) writeFaults(t *testing.T, file string) {
	began := time.Now()
	g := troubleGrid(l, troubles())
	g.fill(t)
	text := fmt.Sprintf("%s; %d rows in %v.\n\n%v", howRun(), len(g.first), time.Since(began).Round(time.Second), g.table())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// troubleGrid returns the table. Each of its rows is one test, whose result is the columns
// after the first two.
func troubleGrid(l *faultLab, rows []trouble) *accountGrid {
	g := &accountGrid{grid: grid{heads: []string{"where", "what goes wrong", "result"}}}
	for _, row := range rows {
		g.first = append(g.first, []string{row.group, row.name})
	}
	g.has = func(int, int) bool { return true }
	g.run = func(t *testing.T, row, _ int) string { return rows[row].suffer(t, l).String() }
	return g
}

// accountGrid is a grid whose cells are accounts.
type accountGrid struct{ grid }

// accountHeads are the columns of an account.
var accountHeads = []string{"callers saw", "well after", "signatures", "wrong PINs", "secrets found"}

// account is what came of a trouble.
type account struct {
	saw        string        // by callers, from the beginning to the end of it
	well       time.Duration // how long after the end all was well
	slow       time.Duration // the machine's share of that
	person     bool          // somebody had to type something for that
	signatures int           // that the device was asked for
	wrong      int           // PINs that the device has refused
	secrets    int           // found where none may be
}

// String returns the columns of it, with vertical lines between them.
func (r account) String() string {
	well := fmt.Sprintf("%.1f s", r.well.Seconds())
	if r.person {
		well += ", a person"
	}
	return strings.Join([]string{r.saw, well, fmt.Sprint(r.signatures), fmt.Sprint(r.wrong), fmt.Sprint(r.secrets)}, "|")
}

// table returns the table in Markdown.
func (g *accountGrid) table() string {
	lines := [][]string{append(g.heads[:2:2], accountHeads...)}
	for row, first := range g.first {
		cells := strings.Split(g.cells[[2]int{row, 0}], "|")
		lines = append(lines, append(slices.Clone(first), append(cells, make([]string, max(0, len(accountHeads)-len(cells)))...)...))
	}
	return inMarkdown(lines)
}
