//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres/postgrestest"
)

// fleetStore is a server of PostgreSQL in a host of its own.
type fleetStore struct {
	postgres
	t *testing.T
}

func newFleetStore(t *testing.T, at *host) *fleetStore {
	t.Helper()
	s := &fleetStore{postgres{programs: postgrestest.Programs(t), address: at.address(), port: "5432", at: at}, t}
	s.do(s.make())
	t.Cleanup(func() { s.signal(syscall.SIGCONT); s.remove() })
	file, err := os.OpenFile(filepath.Join(s.data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	s.do(err)
	_, err = file.WriteString("host all all 10.77.0.0/24 trust\n")
	s.do(errors.Join(err, file.Close()))
	s.do(s.postgres.start())
	return s
}

func (s *fleetStore) do(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// parameters are libpq's, but for TLS.
func (s *fleetStore) parameters() string {
	return fmt.Sprintf("host=%s port=%s user=admin dbname=postgres connect_timeout=3", s.address, s.port)
}

// sql runs statements one by one.
func (s *fleetStore) sql(statements ...string) (answer string) {
	s.t.Helper()
	for _, statement := range statements {
		said, err := s.postgres.sql(statement)
		s.do(err)
		answer = strings.TrimSpace(said)
	}
	return answer
}

// start starts the server, and returns when it answers.
func (s *fleetStore) start() {
	s.t.Helper()
	s.do(s.postgres.start())
}

// stop stops it as a crash does.
func (s *fleetStore) stop() {
	s.t.Helper()
	s.do(s.postgres.stop())
}

// signal reaches the server with all that serve its connections.
func (s *fleetStore) signal(signal syscall.Signal) {
	text, _ := os.ReadFile(filepath.Join(s.data, "postmaster.pid"))
	first, _, _ := strings.Cut(string(text), "\n")
	if pid, err := strconv.Atoi(first); err == nil {
		postgrestest.Signal(pid, signal)
	}
}

// slowFor has the server work for a tenth of each second and a half, for a time.
func (s *fleetStore) slowFor(whole time.Duration) {
	for end := time.Now().Add(whole); time.Now().Before(end); time.Sleep(150 * time.Millisecond) {
		s.signal(syscall.SIGSTOP)
		time.Sleep(1350 * time.Millisecond)
		s.signal(syscall.SIGCONT)
	}
}
