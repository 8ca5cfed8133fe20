//go:build linux && cgo

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres/postgrestest"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// TestLease runs the program with a lease in a real PostgreSQL.
func TestLease(t *testing.T) {
	hsmtest.SoftHSM(t)
	runScripts(t, func(name string) bool { return name == "real-lease.txtar" }, "POSTGRES", postgrestest.Programs(t))
}

// postgresCommand has a server of PostgreSQL listen at the port DB: postgres start|stop. It keeps its data
// until the script ends.
func postgresCommand(ts *testscript.TestScript, _ bool, args []string) {
	server := &postgres{programs: ts.Getenv("POSTGRES"), address: "127.0.0.1", port: ts.Getenv("DB"), data: ts.Getenv("DBDATA")}
	if server.data == "" {
		ts.Check(server.make())
		ts.Setenv("DBDATA", server.data)
		ts.Defer(func() { server.remove() })
	}
	if args[0] == "stop" {
		ts.Check(server.stop())
		return
	}
	ts.Check(server.start())
}

// postgres is a server of PostgreSQL at an address and port, and at a socket beside its data, with the user
// admin.
type postgres struct {
	programs, address, port, data string
	at                            *host // nil: this machine
}

// make makes the data of a server that is yet to be started.
func (p *postgres) make() error {
	dir, err := os.MkdirTemp("", "postgres") // no other user may look into a test's own
	if err != nil {
		return err
	}
	p.data = filepath.Join(dir, "data")
	if err := postgrestest.Own(dir); err != nil {
		return err
	}
	return p.run("initdb", "-D", p.data, "-U", "admin", "-A", "trust", "--no-sync", "--no-instructions")
}

func (p *postgres) start() error {
	options := "-p " + p.port + " -c fsync=off -c listen_addresses=" + p.address + " -c unix_socket_directories=" + filepath.Dir(p.data)
	return p.run("pg_ctl", "-D", p.data, "-w", "-l", p.data+".log", "-o", options, "start")
}

// stop stops the server as by a crash.
func (p *postgres) stop() error {
	return p.run("pg_ctl", "-D", p.data, "-m", "immediate", "-w", "stop")
}

// remove stops the server, if it runs, and removes its data.
func (p *postgres) remove() {
	if _, err := os.Stat(filepath.Join(p.data, "postmaster.pid")); err == nil {
		p.stop()
	}
	os.RemoveAll(filepath.Dir(p.data))
}

// sql runs a statement, and returns what it gives.
func (p *postgres) sql(statement string) (string, error) {
	return p.output("psql", "-h", filepath.Dir(p.data), "-p", p.port, "-U", "admin", "-d", "postgres", "-Atqc", statement)
}

func (p *postgres) run(program string, args ...string) error {
	_, err := p.output(program, args...)
	return err
}

// output runs one of PostgreSQL's programs to its end, and returns what it prints.
func (p *postgres) output(program string, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(p.programs, program), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: postgrestest.Credential()}
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	start := cmd.Start
	if p.at != nil {
		start = func() error { return p.at.start(cmd) }
	}
	err := start()
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", program, err, said.String())
	}
	return said.String(), nil
}
