package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/record"
)

// password is of the roles of the test. It is in no error.
const password = "correct-horse"

// sample is a record with letters that a careless statement would stumble over.
var sample = record.Record{
	Holder: "agent-1_0a", Address: "agent-1.example:8471", Epoch: 1, AuditHead: "sha256:00",
	Reason: `there was no lease: '; DROP TABLE "x" \ é`, Duration: 10 * time.Second,
}

// TestPostgreSQL has one server for all that is tried, which therefore comes one after the other.
func TestPostgreSQL(t *testing.T) {
	c := newCluster(t)
	for _, one := range []struct {
		name string
		test func(t *testing.T, c *cluster)
	}{
		{"record", recordIsKept}, {"once", tableIsMadeOnce}, {"clock", serverHasClock}, {"deleted", rowIsDeleted}, {"fleets", twoFleets},
		{"read-only", serverIsReadOnly}, {"restarted", serverIsRestarted}, {"killed", serverIsKilled}, {"frozen", serverIsFrozen},
		{"given up", callIsGivenUp}, {"pooled", throughPgbouncer}, {"service", byServiceFile}, {"refused", isRefused}, {"election", electionOfThree},
	} {
		t.Run(one.name, func(t *testing.T) {
			c.run(t, "DROP TABLE IF EXISTS anaplan_agent_lease")
			one.test(t, c)
		})
	}
}

// open returns a Store.
func open(t *testing.T, parameters string) *postgres.Store {
	t.Helper()
	store, err := postgres.New(parameters)
	check(t, err)
	t.Cleanup(store.Close)
	return store
}

func in(t *testing.T, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// made returns a Store with a record.
func made(t *testing.T, c *cluster) (*postgres.Store, record.Stored) {
	t.Helper()
	store := open(t, c.local())
	stored, err := store.Write(in(t, bound), "", sample)
	check(t, err)
	return store, stored
}

func recordIsKept(t *testing.T, c *cluster) {
	store := open(t, c.local())
	if _, err := store.Read(in(t, bound)); err != record.ErrNone {
		t.Fatalf("without a table: %v", err)
	}
	if _, err := store.Write(in(t, bound), "no version", sample); err != record.ErrChanged {
		t.Fatalf("a version that is not there is replaced: %v", err)
	}
	first, err := store.Write(in(t, bound), "", sample)
	check(t, err)
	if diff := cmp.Diff(sample, first.Record, cmpopts.IgnoreFields(record.Record{}, "Since")); diff != "" {
		t.Error(diff)
	}
	if since := time.Since(first.Since); since < -time.Second || since > bound {
		t.Errorf("since %v", first.Since)
	}
	other := open(t, c.local())
	read, err := other.Read(in(t, bound))
	check(t, err)
	if diff := cmp.Diff(first, read, cmpopts.IgnoreFields(record.Stored{}, "Left")); diff != "" {
		t.Error(diff)
	}
	if _, err := other.Write(in(t, bound), "", sample); err != record.ErrChanged {
		t.Errorf("a second first record: %v", err)
	}
	renewed, err := store.Write(in(t, bound), first.Version, sample)
	check(t, err)
	if renewed.Version == first.Version || renewed.Beat == first.Beat || !renewed.Since.Equal(first.Since) {
		t.Errorf("renewed: %+v, before: %+v", renewed, first)
	}
	if _, err := other.Write(in(t, bound), read.Version, sample); err != record.ErrChanged {
		t.Errorf("a version that was replaced is replaced: %v", err)
	}
	next := sample
	next.Holder, next.Epoch = "agent-2_0b", 2
	taken, err := other.Write(in(t, bound), renewed.Version, next)
	check(t, err)
	if taken.Since.Before(first.Since) || taken.Holder != next.Holder {
		t.Errorf("taken: %+v", taken)
	}
}

// tableIsMadeOnce: of members who find no table at the same time each finds one then, and one makes the
// record.
func tableIsMadeOnce(t *testing.T, c *cluster) {
	for range 5 {
		c.run(t, "DROP TABLE IF EXISTS anaplan_agent_lease")
		won := make(chan error, 4)
		var all sync.WaitGroup
		for range cap(won) {
			store := open(t, c.local())
			all.Go(func() {
				defer store.Close()
				_, err := store.Write(in(t, bound), "", sample)
				won <- err
			})
		}
		all.Wait()
		close(won)
		count := 0
		for err := range won {
			if err == nil {
				count++
			} else if err != record.ErrChanged {
				t.Error(err)
			}
		}
		if count != 1 {
			t.Errorf("%d have made the first record", count)
		}
	}
}

func serverHasClock(t *testing.T, c *cluster) {
	store, first := made(t, c)
	if !first.HasClock || first.Left > sample.Duration || first.Left < sample.Duration-bound {
		t.Errorf("%v left", first.Left)
	}
	c.run(t, "UPDATE anaplan_agent_lease SET renewed = renewed - interval '1 hour'")
	late, err := store.Read(in(t, bound))
	check(t, err)
	if late.Left > -time.Hour+sample.Duration || late.Left < -time.Hour-bound {
		t.Errorf("%v left", late.Left)
	}
}

func rowIsDeleted(t *testing.T, c *cluster) {
	for _, statement := range []string{"DELETE FROM anaplan_agent_lease", "DROP TABLE anaplan_agent_lease"} {
		store, first := made(t, c)
		c.run(t, statement)
		if _, err := store.Write(in(t, bound), first.Version, sample); err != record.ErrChanged {
			t.Errorf("%s: a write: %v", statement, err)
		}
		if _, err := store.Read(in(t, bound)); err != record.ErrNone {
			t.Errorf("%s: a read: %v", statement, err)
		}
	}
}

func twoFleets(t *testing.T, c *cluster) {
	made(t, c)
	if _, err := open(t, c.local()+" lease=other").Read(in(t, bound)); err != record.ErrNone {
		t.Errorf("another fleet's: %v", err)
	}
}

func serverIsReadOnly(t *testing.T, c *cluster) {
	store, first := made(t, c)
	c.run(t, "ALTER SYSTEM SET default_transaction_read_only = on")
	c.run(t, "SELECT pg_reload_conf()")
	var err error
	for began := time.Now(); err == nil && time.Since(began) < bound; {
		if first, err = store.Write(in(t, bound), first.Version, sample); err == nil {
			continue // it has not read its configuration yet
		}
	}
	wants(t, err, "read-only transaction", "target_session_attrs=read-write")
	if _, err := store.Read(in(t, bound)); err != nil {
		t.Errorf("a read: %v", err)
	}
	for _, statement := range []string{"SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"} {
		c.run(t, statement)
	}
	read, err := store.Read(in(t, bound))
	check(t, err)
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err = store.Write(in(t, bound), read.Version, sample); err == nil || time.Since(began) > bound {
			break
		}
	}
	check(t, err)
}

// serverIsRestarted: between two exchanges nothing is seen of it.
func serverIsRestarted(t *testing.T, c *cluster) {
	store, first := made(t, c)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		c.stop(signal)
		c.start(t)
		next, err := store.Write(in(t, bound), first.Version, sample)
		check(t, err)
		first = next
	}
}

func serverIsKilled(t *testing.T, c *cluster) {
	store, first := made(t, c)
	over := open(t, c.remote("plain"))
	c.stop(syscall.SIGKILL)
	_, err := over.Read(in(t, bound))
	wants(t, err, "cannot be reached", "connection refused", "start it, or correct host and port")
	for began := time.Now(); time.Since(began) < bound; { // its processes see it within a moment
		if _, err = store.Read(in(t, bound)); err != nil {
			break
		}
	}
	wants(t, err, "cannot be reached")
	c.start(t)
	_, err = store.Write(in(t, bound), first.Version, sample)
	check(t, err)
}

// serverIsFrozen: it takes connections and answers nothing, which costs the time that there is.
func serverIsFrozen(t *testing.T, c *cluster) {
	store, first := made(t, c)
	c.signal(syscall.SIGSTOP)
	defer c.signal(syscall.SIGCONT)
	for _, one := range []*postgres.Store{store, store, open(t, c.local()), open(t, c.remote("plain"))} {
		_, err := one.Read(in(t, 100*time.Millisecond))
		wants(t, err, "it has not answered in time")
	}
	c.signal(syscall.SIGCONT)
	_, err := store.Write(in(t, bound), first.Version, sample)
	check(t, err)
}

// callIsGivenUp: an end of the context ends an exchange before its time.
func callIsGivenUp(t *testing.T, c *cluster) {
	store, _ := made(t, c)
	c.signal(syscall.SIGSTOP)
	defer c.signal(syscall.SIGCONT)
	ctx, cancel := context.WithCancel(in(t, bound))
	time.AfterFunc(10*time.Millisecond, cancel)
	began := time.Now()
	_, err := store.Read(ctx)
	if err == nil || time.Since(began) > bound/2 {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// throughPgbouncer: each statement may have another connection of the server.
func throughPgbouncer(t *testing.T, c *cluster) {
	c.run(t, postgres.Table)
	c.run(t, "GRANT SELECT, INSERT, UPDATE ON anaplan_agent_lease TO pooled")
	parameters := c.pooler(t)
	var all sync.WaitGroup
	for member := range 4 {
		store := open(t, fmt.Sprintf("%s lease=fleet-%d", parameters, member))
		all.Go(func() {
			version := ""
			for i := range 50 {
				stored, err := store.Write(in(t, bound), version, sample)
				if err == nil {
					_, err = store.Read(in(t, bound))
				}
				if err != nil {
					t.Errorf("write %d: %v", i, err)
					return
				}
				version = stored.Version
			}
		})
	}
	all.Wait()
}

func byServiceFile(t *testing.T, c *cluster) {
	c.run(t, postgres.Table)
	c.run(t, "GRANT SELECT, INSERT, UPDATE ON anaplan_agent_lease TO tls")
	file := c.write(t, "pg_service.conf", fmt.Sprintf("[anaplan]\nhost=localhost\nhostaddr=127.0.0.1\nport=%d\nuser=tls\npassword=%s\ndbname=lease\nsslmode=verify-full\nsslrootcert=%s\n[broken]\npassword %s\n", c.port, password, filepath.Join(c.dir, "ca.crt"), password))
	t.Setenv("PGSERVICEFILE", file)
	store := open(t, "service=anaplan")
	first, err := store.Write(in(t, bound), "", sample)
	check(t, err)

	c.run(t, "ALTER ROLE tls PASSWORD 'battery-staple'")
	defer c.run(t, "ALTER ROLE tls PASSWORD '"+password+"'")
	store.Close()
	_, err = store.Read(in(t, bound))
	wants(t, err, `password authentication failed for user "tls"`, "it is read again")
	text, err := os.ReadFile(file)
	check(t, err)
	check(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), password, "battery-staple")), 0o600))
	if _, err = store.Write(in(t, bound), first.Version, sample); err != nil {
		t.Errorf("with the new password: %v", err)
	}

	_, err = postgres.New("service=broken")
	wants(t, err, "a line without =", "pg_service.conf")
	_, err = postgres.New("service=missing")
	wants(t, err, `"missing" not found`)
	t.Setenv("PGSERVICEFILE", filepath.Join(c.dir, "none"))
	_, err = postgres.New("service=anaplan")
	wants(t, err, "not found", "PGSERVICEFILE")
}

// isRefused: what a server has against a member is said, with what to do.
func isRefused(t *testing.T, c *cluster) {
	t.Setenv("PGPASSWORD", password)
	_, err := open(t, c.remote("plain")).Read(in(t, bound))
	wants(t, err, "no table anaplan_agent_lease", "permission denied for schema public", "docs/fleet.md")

	c.run(t, postgres.Table)
	foreign := filepath.Join(issued(t, "localhost"), "ca.crt")
	for parameters, want := range map[string][]string{
		c.remote("plain"): {"permission denied for table anaplan_agent_lease", "GRANT SELECT, INSERT, UPDATE"},
		strings.Replace(c.remote("plain"), "host=", "host=localhost hostaddr=", 1) + " sslmode=verify-full sslrootcert=" + foreign: {"cannot be reached", "sslrootcert"},
		c.remote("plain") + " sslmode=verify-full sslrootcert=" + filepath.Join(c.dir, "ca.crt"):                                   {"host must be a name in the server's certificate"},
		c.remote("tls") + " sslmode=disable": {"no pg_hba.conf entry", "no encryption", "only with TLS"},
		c.remote("nobody"):                   {"no pg_hba.conf entry", "add a line there"},
		strings.Replace(c.remote("tls"), "dbname=lease", "dbname=none", 1):  {`database "none" does not exist`, "create the database"},
		strings.Replace(c.local(), "host="+c.dir, "host="+c.dir+"/none", 1): {"cannot be reached", "start it, or correct host and port"},
		strings.Replace(c.remote("tls"), "127.0.0.1", "host.invalid", 1):    {"cannot be reached", "host.invalid"},
	} {
		_, err := open(t, parameters).Read(in(t, bound))
		wants(t, err, want...)
	}
	t.Setenv("PGPASSWORD", "wrong-"+password)
	_, err = open(t, c.remote("plain")).Read(in(t, bound))
	wants(t, err, "password authentication failed", "the password is wrong")

	c.run(t, "DROP TABLE anaplan_agent_lease; CREATE TABLE anaplan_agent_lease (name text)")
	_, err = open(t, c.local()).Read(in(t, bound))
	wants(t, err, "does not exist", "rename it")
}

func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil || errors.Is(err, record.ErrNone) {
		t.Errorf("got %v, want an error with %q", err, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\n  does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "battery-staple") {
		t.Errorf("the error has the password: %v", err)
	}
}
