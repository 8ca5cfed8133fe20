//go:build cgo

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// bootedVariable is set for the scripts that run in a machine which packaging/boot has booted.
const bootedVariable = "ANAPLAN_AGENT_BOOTED"

// TestBooted runs the scripts that need a systemd: in one of their own, over this machine's root, of which
// they change nothing. It starts this test program again in there.
func TestBooted(t *testing.T) {
	t.Parallel() // it waits more than it computes
	hsmtest.SoftHSM(t)
	if os.Getenv(bootedVariable) != "" {
		runScripts(t, func(name string) bool { return strings.HasPrefix(name, "booted-") })
		return
	}
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to boot a systemd in namespaces")
	}
	hsmtest.Tool(t, "systemd", "busctl")
	hsmtest.Tool(t, "systemd", "dbus-daemon")
	dir := shortDirectory(t)
	if err := os.Chmod(dir, 0o711); err != nil { // other users are in it, too
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test") // what the go command has built may be in a file system that is not there
	if output, err := exec.Command("cp", os.Args[0], program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	script := fmt.Sprintf("set -e\nexport %s=yes TMPDIR=%s\n", bootedVariable, dir)
	for _, name := range []string{"PATH", "HOME", builtVariable, "ANAPLAN_AGENT_REQUIRE"} {
		script += fmt.Sprintf("export %s='%s'\n", name, os.Getenv(name))
	}
	script += fmt.Sprintf("systemctl start dbus.socket\ncd %s\nexec %s -test.run '^TestBooted$' -test.v\n", here, program)
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	boot := exec.Command("packaging/boot", "/", filepath.Join(dir, "script"))
	boot.Dir = "../.."
	output, err := boot.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: TestBooted/booted-as-service") {
		t.Errorf("%v\n%s", err, output)
	}
}
