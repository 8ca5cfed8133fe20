package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
)

// TestTrouble is TestDiskFull for what is told and owed.
func TestTrouble(t *testing.T) { inOwnProcess(t, getIntoTrouble) }

func getIntoTrouble(t *testing.T, path string) {
	log, said := anchored(t, path, asText)
	add(t, log, 2)
	if err := log.Ready(); err != nil {
		t.Fatal(err)
	}
	before := len(read(t, path))
	limitFiles(t, uint64(before+10))
	if err := log.Ready(); err != nil {
		t.Errorf("nothing has failed yet: %v", err)
	}
	call := audit.Entry{Action: audit.CallMade, Call: &audit.Call{Method: "GET", Path: "/owed", Status: 200}}
	for range 3 {
		if log.Append(handedOut) == nil || log.Owe(call) == nil {
			t.Error("written")
		}
		if err := log.Ready(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("ready: %v", err)
		}
	}
	if got := log.Owed(); got != 3 || len(read(t, path)) != before {
		t.Errorf("%d are owed, %d bytes", got, len(read(t, path))-before)
	}

	lifted := time.Now()
	limitFiles(t, 1<<40)
	if err := log.Ready(); err != nil || log.Owed() != 0 {
		t.Errorf("there is room: %v, %d are owed", err, log.Owed())
	}
	lines := strings.Split(strings.TrimSpace(string(read(t, path))), "\n")
	if len(lines) != 6 || !strings.Contains(lines[2], `"action":"resumed"`) ||
		!strings.Contains(lines[2], "Z; 3 entries are missing, of what was refused for that; the next 3 are of what was done meanwhile\"") {
		t.Errorf("the lines are\n%s", strings.Join(lines, "\n"))
	}
	for _, line := range lines[3:] {
		var written struct{ Time time.Time }
		if err := json.Unmarshal([]byte(line), &written); err != nil || !written.Time.Before(lifted) || !strings.Contains(line, `"path":"/owed"`) {
			t.Errorf("owed: %s", line)
		}
	}
	add(t, log, 1)
	whole(t, path)
	for _, words := range []string{"cannot be written, and nothing is done", "can be written again"} {
		if got := strings.Count(said.String(), words); got != 1 {
			t.Errorf("%q is said %d times", words, got)
		}
	}
	if !strings.Contains(said.String(), "missing=3 late=3") {
		t.Errorf("said %s", said)
	}
	// What is owed at the end is written at the end.
	os.Rename(path, path+".1")
	if err := log.Reopen(); err != nil {
		t.Error(err)
	}
	limitFiles(t, uint64(len(read(t, path))))
	log.Owe(call)
	limitFiles(t, 1<<40)
	if err := log.Close(); err != nil || strings.Count(string(read(t, path)), "/owed") != 1 {
		t.Errorf("closed: %v", err)
	}
}

// TestMuchIsOwed is TestDiskFull for many lines that are owed: what a try costs that fails does not
// grow with them, and they are written all or none.
func TestMuchIsOwed(t *testing.T) { inOwnProcess(t, oweMuch) }

func oweMuch(t *testing.T, path string) {
	log := open(t, path)
	add(t, log, 1)
	before := read(t, path)
	limitFiles(t, uint64(len(before)))
	owe := func(count int) {
		for range count {
			if log.Owe(handedOut) == nil {
				t.Fatal("written")
			}
		}
	}
	try := func() {
		if log.Append(handedOut) == nil {
			t.Fatal("written")
		}
	}
	owe(100)
	few := testing.AllocsPerRun(5, try)
	owe(900)
	if many := testing.AllocsPerRun(5, try); many > few+few/10 {
		t.Errorf("a try makes %v allocations with 100 lines owed, and %v with 1000", few, many)
	}
	for _, room := range []int{100, 20_000, 100_000} {
		limitFiles(t, uint64(len(before)+room))
		if try(); !bytes.Equal(read(t, path), before) {
			t.Fatalf("room for %d bytes: some of them have been written", room)
		}
	}
	limitFiles(t, 1<<40)
	add(t, log, 1)
	if report := whole(t, path); report.Lines != 1+1+1000+1 || log.Owed() != 0 {
		t.Errorf("%d lines, %d are owed", report.Lines, log.Owed())
	}
}
