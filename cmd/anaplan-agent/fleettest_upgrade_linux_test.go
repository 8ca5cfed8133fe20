//go:build cgo

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// neighbourVariable names a program of another version for the rows of upgrades, in place of the one that
// the test builds.
const neighbourVariable = "ANAPLAN_AGENT_FLEET_TEST_NEIGHBOUR"

// neighbours is what a version has otherwise than this one, by file: what members tell each other has a
// few fields less and some more, and so have the headers between them.
var neighbours = map[string][2]string{
	"agent/local/wire.go": {
		"\tSince   time.Time `json:\"since,omitzero\"`    // when it began to\n\n" +
			"\t// CannotReach are the other members that have not answered it the last time.\n" +
			"\tCannotReach []UnreachedMember `json:\"cannot_reach,omitempty\"`\n}",
		"\tSince   time.Time `json:\"-\"`\n\tCannotReach []UnreachedMember `json:\"-\"`\n" +
			"\tWeight  int `json:\"weight\"`\n\tLater   struct{ Words []string } `json:\"later\"`\n}",
	},
	"agent/fleet/origin.go": {
		"\theader.Set(local.HeaderFor, self)\n",
		"\theader.Set(local.HeaderFor, self)\n\theader.Set(\"Anaplan-Agent-Later\", \"1\")\n",
	},
}

// neighbour begins to build a program of another version, and returns what waits for it.
func neighbour(t *testing.T) (program func() string) {
	t.Helper()
	if program := os.Getenv(neighbourVariable); program != "" {
		return func() string { return program }
	}
	return altered(t, "../..", neighbours)
}

// altered begins to build the program with files below a directory that have other lines, and returns what
// waits for it.
func altered(t *testing.T, directory string, changes map[string][2]string) (program func() string) {
	t.Helper()
	root, err := filepath.Abs(directory)
	if err != nil {
		t.Fatal(err)
	}
	dir, replaced := t.TempDir(), map[string]string{}
	for name, change := range changes {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !strings.Contains(string(text), change[0]) {
			t.Fatalf("%s: %v, or it has other lines", name, err)
		}
		path := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), change[0], change[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(root, name)] = path
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	path, version := filepath.Join(dir, build.Program), "github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build.fromMake=v0.0.1|1|"
	var said bytes.Buffer
	cmd := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -X "+version, "-tags", "nethttpomithttp2", "-o", path, ".")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := sync.OnceValue(cmd.Wait)
	t.Cleanup(func() { ended() })
	return func() string {
		if err := ended(); err != nil {
			t.Errorf("building another version: %v: %s", err, said.String())
		}
		return path
	}
}

// upgrades are the rows in which members are replaced one after the other, each by a program of another
// version, and back: with the leader first, and with the leader last. No call is lost.
func upgrades(program func() string) []upset {
	row := func(name string, program func() string, order func(f *companyLab, leader *companyMachine) []*companyMachine) upset {
		return upset{name: name, brief: true, gap: gapKilled, logins: 3, crowd: true, hits: everyMember, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
			for _, one := range order(f, leader) {
				one.stop()
				one.runs(program())
				one.start()
				f.await("it is one of them", func() bool { return !slices.ContainsFunc(f.members, (*companyMachine).missesOne) })
			}
			return 0
		}}
	}
	first := func(f *companyLab, leader *companyMachine) []*companyMachine {
		return append([]*companyMachine{leader}, f.others(leader)...)
	}
	last := func(f *companyLab, leader *companyMachine) []*companyMachine { return append(f.others(leader), leader) }
	return []upset{
		row("each member is upgraded to another version, the leader first", program, first),
		row("each is brought back to this version, the leader last", func() string { return "" }, last),
	}
}

// everyMember returns the members that an upgrade hits: all of them.
func everyMember(f *companyLab, _ *companyMachine) []*companyMachine { return f.members }

// runs has a machine start that program from now on; "": the one that all have.
func (m *companyMachine) runs(program string) {
	own := *m.faultLab
	if m.plain == "" {
		m.plain = own.program
	}
	own.program = program
	if program == "" {
		own.program = m.plain
	}
	m.faultLab = &own
}

// fastClock is a machine whose clock is an hour ahead.
var fastClock = map[string][2]string{"src/time/time.go": {
	"\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {", "\tsec, nsec, mono := runtimeNow()\n\tsec += 3600\n\tif mono == 0 {",
}}

// clockUpsets is that the clock of a member is wrong. It has its calls made by others, and gives the lead away
// if it gets it: with its time in a login Anaplan refuses that.
func clockUpsets(t *testing.T) []upset {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	program := altered(t, strings.TrimSpace(string(root)), fastClock)
	return []upset{{name: "the clock of one member is an hour ahead, and the leader is stopped", gap: gapGiven, logins: 4, hits: everyMember, act: func(f *companyLab, leader *companyMachine, _ bool) time.Duration {
		one := f.others(leader)[0]
		one.stop()
		one.runs(program())
		one.start()
		f.await("it is one of them", func() bool { return !leader.missesOne() })
		leader.stop()
		f.succeeds(leader)
		leader.start()
		f.agree()
		if e := leader.runsInside("doctor", "--all", "--login=false"); !strings.Contains(e.stdout, "fleet.clock") || !strings.Contains(e.stdout, "differs from this one") {
			f.t.Errorf("doctor of another member: %s%s", e.stdout, e.stderr)
		}
		one.stop()
		one.runs("")
		one.start()
		return 0
	}}}
}
