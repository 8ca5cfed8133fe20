//go:build cgo

package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestModuleScripts runs the scripts in which the agent's PKCS#11 module misbehaves.
func TestModuleScripts(t *testing.T) {
	hsmtest.SoftHSM(t)
	shim := hsmtest.BuildShim(t)
	runScripts(t, func(name string) bool { return strings.HasPrefix(name, "agent-module") }, "SHIM", shim)
}

// TestOtherUsers runs the scripts in which other users of the machine ask the agent.
func TestOtherUsers(t *testing.T) {
	hsmtest.SoftHSM(t)
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to start processes of other users")
	}
	runScripts(t, func(name string) bool { return strings.HasPrefix(name, "agent-users") }, "SHIM", hsmtest.BuildShim(t))
}

// moduleCommand is the command module of the scripts: what lies at $MODULE, which is
// module.so from the first call on.
//
//	module real             the module of the machine
//	module shim [ORDER...]  one that misbehaves as told (testdata/pkcs11shim), of which an
//	                        agent hears that is started afterwards
//	module none             nothing
//	module calls NAME N     fails unless that function of the shim was called N times
func moduleCommand(ts *testscript.TestScript, _ bool, args []string) {
	link, calls := ts.MkAbs("module.so"), ts.MkAbs("calls")
	if ts.Getenv("HSMTEST_SHIM_MODULE") == "" {
		ts.Setenv("HSMTEST_SHIM_MODULE", ts.Getenv("MODULE"))
		ts.Setenv("HSMTEST_SHIM_LOG", calls)
		ts.Setenv("MODULE", link)
	}
	if args[0] == "calls" {
		want, err := strconv.Atoi(args[2])
		ts.Check(err)
		if n := len(linesOf(calls, args[1])); n != want {
			ts.Fatalf("%d calls of %s, want %d", n, args[1], want)
		}
		return
	}
	os.Remove(link)
	switch args[0] {
	case "real":
		ts.Check(os.Symlink(ts.Getenv("HSMTEST_SHIM_MODULE"), link))
	case "shim":
		ts.Setenv("HSMTEST_SHIM", strings.Join(args[1:], ";"))
		ts.Check(os.Symlink(ts.Getenv("SHIM"), link))
	}
}

// linesOf returns the lines of a file that are that word; none where there is no file.
func linesOf(path, word string) (found []string) {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == word {
			found = append(found, line)
		}
	}
	return found
}
