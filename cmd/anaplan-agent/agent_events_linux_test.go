//go:build cgo

package main

import (
	"errors"
	"os"
	"slices"
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
//	module real               the module of the machine
//	module shim [ORDER...]    one that misbehaves as told (testdata/pkcs11shim), of which an
//	                          agent hears that is started afterwards
//	module none               nothing
//	module orders [ORDER...]  the shim's orders from now on, also under an agent that runs
//	module behave             the shim follows no order any more; misbehave undoes that
//	module calls NAME N       fails unless that function of the shim was called N times
//	module refused N [PIN]    fails unless the module behind the shim has refused N PINs,
//	                          whatever the shim answered; or N times that one
func moduleCommand(ts *testscript.TestScript, _ bool, args []string) {
	if ts.Getenv("HSMTEST_SHIM_MODULE") == "" {
		setUpShim(ts)
	}
	orders, while := ts.Getenv("HSMTEST_SHIM_ORDERS"), ts.Getenv("HSMTEST_SHIM_WHILE")
	switch args[0] {
	case "real":
		putModule(ts, ts.Getenv("HSMTEST_SHIM_MODULE"))
	case "shim":
		os.Remove(orders)
		ts.Setenv("HSMTEST_SHIM", strings.Join(args[1:], ";"))
		putModule(ts, ts.Getenv("SHIM"))
	case "none":
		putModule(ts, "")
	case "orders":
		ts.Check(hsmtest.WriteOrders(orders, args[1:]...))
	case "behave":
		ts.Check(os.Remove(while))
	case "misbehave":
		ts.Check(os.WriteFile(while, nil, 0o600))
	case "calls":
		wantCount(ts, "calls of "+args[1], len(linesOf(ts.Getenv("HSMTEST_SHIM_LOG"), args[1])), args[2])
	case "refused":
		wantCount(ts, "refused PINs", refusedPINs(ts, args[2:]), args[1])
	default:
		ts.Fatalf("unknown command module %s", args[0])
	}
}

// setUpShim names the shim's files, and has it follow its orders.
func setUpShim(ts *testscript.TestScript) {
	for variable, file := range map[string]string{"LOG": "calls", "LOGINS": "logins", "ORDERS": "orders", "WHILE": "misbehave"} {
		ts.Setenv("HSMTEST_SHIM_"+variable, ts.MkAbs(file))
	}
	ts.Setenv("HSMTEST_SHIM_MODULE", ts.Getenv("MODULE"))
	ts.Setenv("MODULE", ts.MkAbs("module.so"))
	ts.Check(os.WriteFile(ts.Getenv("HSMTEST_SHIM_WHILE"), nil, 0o600))
}

// putModule has a module lie at $MODULE; "": none. An agent that looks meanwhile finds this one or
// the one before.
func putModule(ts *testscript.TestScript, module string) {
	if module == "" {
		os.Remove(ts.Getenv("MODULE"))
		return
	}
	link := ts.Getenv("MODULE") + ".new"
	ts.Check(errors.Join(os.Symlink(module, link), os.Rename(link, ts.Getenv("MODULE"))))
}

// refusedPINs counts the PINs that the module behind the shim has refused: all, or that
// one.
func refusedPINs(ts *testscript.TestScript, pin []string) int {
	logins, err := hsmtest.ReadLogins(ts.Getenv("HSMTEST_SHIM_LOGINS"))
	ts.Check(err)
	return hsmtest.CountRefused(slices.DeleteFunc(logins, func(login hsmtest.Login) bool {
		return len(pin) > 0 && login.Hash != hsmtest.HashPIN(pin[0])
	}))
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
