package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres/postgrestest"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// bound is for what has to come true; only a failing test reaches it.
const bound = time.Minute

// cluster is a server of PostgreSQL, with its files in a directory of the test.
type cluster struct {
	dir, bin string
	port     int
	server   *exec.Cmd
	ended    chan struct{}
	admin    *sql.DB
}

// hba lets the roles of the test in, each in its own way.
const hba = `local   all admin              trust
local   all pooled             trust
host    all plain 127.0.0.1/32 scram-sha-256
hostssl all tls   127.0.0.1/32 scram-sha-256
`

func newCluster(t *testing.T) *cluster {
	t.Helper()
	programs := postgrestest.Programs(t)
	dir, err := os.MkdirTemp("", "postgres")
	check(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &cluster{dir: dir, bin: programs, port: freePort(t)}
	check(t, postgrestest.Own(dir))
	init := c.command(filepath.Join(c.bin, "initdb"), "-D", c.data(), "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	c.write(t, "data/pg_hba.conf", hba)
	identity := issued(t, "localhost")
	for _, name := range []string{"tls.key", "tls.crt", "ca.crt"} {
		text, err := os.ReadFile(filepath.Join(identity, name))
		check(t, err)
		c.write(t, name, string(text))
	}
	c.write(t, "data/postgresql.auto.conf", fmt.Sprintf(
		"port = %[1]d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%[2]s'\nfsync = off\nssl = on\nssl_cert_file = '%[2]s/tls.crt'\nssl_key_file = '%[2]s/tls.key'\nmax_connections = 20\n", c.port, dir))
	c.start(t)
	t.Cleanup(func() { c.signal(syscall.SIGCONT); c.server.Process.Signal(syscall.SIGQUIT); <-c.ended })
	for _, statement := range []string{
		"CREATE ROLE plain LOGIN PASSWORD '" + password + "'", "CREATE ROLE tls LOGIN PASSWORD '" + password + "'",
		"CREATE ROLE pooled LOGIN", "CREATE DATABASE lease OWNER admin",
	} {
		c.run(t, statement)
	}
	c.admin.Close()
	c.admin = c.open(t, "lease")
	return c
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// start starts the server, and waits until it answers. After a kill -9 it does not start before the last
// of its processes has seen that.
func (c *cluster) start(t *testing.T) {
	t.Helper()
	began := time.Now()
	for {
		c.server = c.command(filepath.Join(c.bin, "postgres"), "-D", c.data())
		log, err := os.Create(filepath.Join(c.dir, "log"))
		check(t, err)
		c.server.Stderr = log
		check(t, c.server.Start())
		log.Close()
		ended := make(chan struct{})
		go func(server *exec.Cmd) { server.Wait(); close(ended) }(c.server)
		c.ended = ended
		if c.admin == nil {
			c.admin = c.open(t, "postgres")
		}
		for c.admin.Ping() != nil && !isClosed(ended) && time.Since(began) < bound {
			time.Sleep(10 * time.Millisecond)
		}
		if !isClosed(ended) && c.admin.Ping() == nil {
			return
		}
		if time.Since(began) > bound {
			said, _ := os.ReadFile(filepath.Join(c.dir, "log"))
			t.Fatalf("PostgreSQL does not start: %s", said)
		}
	}
}

func isClosed(channel chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

func (c *cluster) stop(signal syscall.Signal) {
	c.server.Process.Signal(signal)
	<-c.ended
}

// signal reaches the server with all that serve its connections.
func (c *cluster) signal(signal syscall.Signal) { postgrestest.Signal(c.server.Process.Pid, signal) }

// command is a program as the user of the server.
func (c *cluster) command(program string, arguments ...string) *exec.Cmd {
	command := exec.Command(program, arguments...)
	command.Dir = c.dir
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: postgrestest.Credential()}
	return command
}

func (c *cluster) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(c.dir, name)
	check(t, os.WriteFile(path, []byte(text), 0o600))
	check(t, postgrestest.Own(path))
	return path
}

// open is the way of the cluster's owner, whose statements prepare what the tests need.
func (c *cluster) open(t *testing.T, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", fmt.Sprintf("host=%s port=%d user=admin dbname=%s", c.dir, c.port, database))
	check(t, err)
	db.SetMaxOpenConns(1) // SET is of a session
	t.Cleanup(func() { db.Close() })
	return db
}

func (c *cluster) run(t *testing.T, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	if _, err := c.admin.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// local are the parameters of the cluster's owner, for a Store.
func (c *cluster) local() string {
	return fmt.Sprintf("host=%s port=%d user=admin dbname=lease", c.dir, c.port)
}

// remote are those of a role over TCP, without its password.
func (c *cluster) remote(role string) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=lease", c.port, role)
}

// pooler starts a pgbouncer that gives each transaction any of two connections, and returns the
// parameters for it.
func (c *cluster) pooler(t *testing.T) string {
	t.Helper()
	port := freePort(t)
	config := c.write(t, "pgbouncer.ini", fmt.Sprintf(
		"[databases]\nlease = host=%s port=%d user=pooled\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nunix_socket_dir =\n", c.dir, c.port, port))
	pooler := c.command(hsmtest.Tool(t, "postgres", "pgbouncer"), config)
	pooler.Stderr, _ = os.Create(filepath.Join(c.dir, "pgbouncer.log"))
	check(t, pooler.Start())
	t.Cleanup(func() { pooler.Process.Kill(); pooler.Wait() })
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			return fmt.Sprintf("host=127.0.0.1 port=%d user=somebody dbname=lease", port)
		}
		if time.Since(began) > bound {
			said, _ := os.ReadFile(filepath.Join(c.dir, "pgbouncer.log"))
			t.Fatalf("pgbouncer does not start: %s", said)
		}
	}
}

// issued returns a directory with the certificate of a host, its key and its CA.
func issued(t *testing.T, host string) string {
	t.Helper()
	ca, err := mutualtlstest.NewCA("of " + host)
	check(t, err)
	dir := t.TempDir()
	check(t, ca.Issue(dir, mutualtlstest.Certificate{Names: []string{host}}))
	return dir
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
