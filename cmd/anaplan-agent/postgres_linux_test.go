//go:build linux && cgo

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestLease runs the program with a lease in a real PostgreSQL.
func TestLease(t *testing.T) {
	hsmtest.SoftHSM(t)
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		hsmtest.Missing(t, "postgres", "/usr/lib/postgresql/*/bin")
	}
	runScripts(t, func(name string) bool { return name == "real-lease.txtar" }, "POSTGRES", found[len(found)-1])
}

// postgresUser is who PostgreSQL runs as where the tests are root's, for whom it does not start: nobody.
const postgresUser = 65534

// postgresCommand has a server of PostgreSQL listen at the port DB of 127.0.0.1, with the user admin:
// postgres start|stop. It is stopped as by a crash, and keeps its data until the script ends.
func postgresCommand(ts *testscript.TestScript, _ bool, args []string) {
	run := func(name string, args ...string) {
		cmd := exec.Command(filepath.Join(ts.Getenv("POSTGRES"), name), args...)
		cmd.Dir = "/"
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: postgresUser, Gid: postgresUser}}
		}
		out, err := cmd.CombinedOutput()
		ts.Logf("%s", out)
		ts.Check(err)
	}
	data := ts.Getenv("DBDATA")
	if data == "" {
		dir, err := os.MkdirTemp("", "postgres") // no other user may look into the script's own
		ts.Check(err)
		if os.Geteuid() == 0 {
			ts.Check(os.Chown(dir, postgresUser, postgresUser))
		}
		data = filepath.Join(dir, "data")
		ts.Setenv("DBDATA", data)
		ts.Defer(func() {
			if _, err := os.Stat(filepath.Join(data, "postmaster.pid")); err == nil {
				run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
			}
			os.RemoveAll(dir)
		})
		run("initdb", "-D", data, "-U", "admin", "-A", "trust", "--no-sync", "--no-instructions")
	}
	if args[0] == "stop" {
		run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
		return
	}
	options := "-p " + ts.Getenv("DB") + " -c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories="
	run("pg_ctl", "-D", data, "-w", "-l", data+".log", "-o", options, "start")
}
