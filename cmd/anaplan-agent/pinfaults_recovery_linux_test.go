//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// recovery is a row of the second table: the right PIN, and a fault that ends; or, without a
// fault, a wrong PIN in a file that is put right.
type recovery struct {
	fault
	columns []string // nil: all that there are
}

// The second table's bounds.
const (
	faultLasts   = 2 * time.Second
	mostRecovery = 10 * time.Second
)

// outcome is what a person sees after a fault.
type outcome struct {
	took time.Duration // from the end of the fault to a token that nobody had to say anything for
	asks bool          // somebody has to say that the PIN is right
}

// String returns it as the table has it.
func (o outcome) String() string {
	if o.asks {
		return "asks"
	}
	return fmt.Sprintf("%.1f s", o.took.Seconds())
}

// recoveryColumn is a way of running the program until it has a token.
type recoveryColumn struct {
	name   string
	worked bool // the PIN has worked before
	run    func(*site, *trial) outcome
}

// The columns of the second table.
const (
	oneShot    = "one-shot"
	newOneShot = "one-shot, new PIN"
	newCalled  = "agent, 8 callers, new PIN"
)

var recoveryColumns = []recoveryColumn{
	{oneShot, true, (*site).recoverOneShot},
	{called, true, (*site).recoverCalled},
	{alone, true, (*site).recoverAlone},
	{newOneShot, false, (*site).recoverOneShot},
	{newCalled, false, (*site).recoverCalled},
}

// trial is one fault that ends by itself.
type trial struct {
	worked bool       // the PIN has, before it
	over   chan error // gets what ending it returns
	at     time.Time  // when it was over; set before
}

// meet begins the fault, which ends some time after a PIN has met it.
func (s *site) meet(trial *trial) {
	s.t.Helper()
	s.begin()
	ctx, cancel := context.WithTimeout(s.t.Context(), faultPatience)
	done := make(chan struct{})
	s.t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		err := s.outlast(ctx)
		trial.at = time.Now()
		trial.over <- err
	}()
}

// outlast ends the fault when it has lasted.
func (s *site) outlast(ctx context.Context) error {
	for !s.hasMet() {
		select {
		case <-ctx.Done():
			return errors.New("no PIN has met the fault")
		case <-time.After(time.Millisecond):
		}
	}
	time.Sleep(faultLasts)
	return s.device.end()
}

// since returns how long it is since the fault was over; 0 if it is not yet.
func (s *site) since(trial *trial) time.Duration {
	s.t.Helper()
	now := time.Now()
	s.check(<-trial.over)
	return max(0, now.Sub(trial.at))
}

// seed has the PIN work once, before the time for a login is short.
func (s *site) seed(trial *trial) {
	s.t.Helper()
	if trial.worked {
		s.mustSucceed(s.once("sign"))
	}
}

// hurry gives logins the time that the fault's row says.
func (s *site) hurry() {
	if s.fault.timeout != "" {
		s.settings["timeout"] = s.fault.timeout
	}
}

func (s *site) recoverOneShot(trial *trial) outcome {
	s.seed(trial)
	s.hurry()
	s.meet(trial)
	for deadline := time.Now().Add(faultPatience); time.Now().Before(deadline); {
		switch e := s.once("token"); {
		case e.isDone():
			return outcome{took: s.since(trial)}
		case e.code == explain.Human && strings.Contains(e.stderr, "--pin-changed"):
			s.t.Logf("it asks: %s", e.stderr)
			s.since(trial)
			s.mustSucceed(s.once("token", "--pin-changed"))
			s.mustSucceed(s.once("token"))
			return outcome{asks: true}
		}
	}
	s.t.Fatal("no token, and nobody is asked")
	return outcome{}
}

// mustSucceed ends the test if a command has not done what it was to do.
func (s *site) mustSucceed(e ended) {
	s.t.Helper()
	if !e.isDone() {
		s.t.Fatalf("exit code %d, %s", e.code, e.stderr)
	}
}

// recoverCalled has an agent log in anew whose token has been ended, and which knows that the
// PIN has worked.
func (s *site) recoverCalled(trial *trial) outcome {
	s.seed(trial)
	s.hurry()
	s.start()
	if trial.worked {
		s.renew()
	}
	s.meet(trial)
	callers := s.gather(8)
	defer callers.stop()
	o := s.awaitOutcome(trial, callers.hasToken)
	callers.stop()
	s.stop()
	return o
}

// renew has the agent have a token, and end it.
func (s *site) renew() {
	s.t.Helper()
	client := s.client()
	defer client.Close()
	_, err := client.Token(s.t.Context(), "default", nil)
	s.check(errors.Join(err, client.Logout(s.t.Context(), "default")))
}

func (s *site) recoverAlone(trial *trial) outcome {
	s.seed(trial)
	s.hurry()
	s.settings["token_file"] = s.path("run/token")
	s.meet(trial)
	s.start()
	o := s.awaitOutcome(trial, s.hasTokenFile)
	s.stop()
	return o
}

func (s *site) hasTokenFile() bool {
	_, err := os.Stat(s.path("run/token"))
	return err == nil
}

// awaitOutcome waits until an agent has a token, or says that a person must say something.
// That is said then, and must help.
func (s *site) awaitOutcome(trial *trial, hasToken func() bool) outcome {
	s.t.Helper()
	s.await("a token, or a question", func() bool { return hasToken() || s.isFinal() })
	if hasToken() {
		return outcome{took: s.since(trial)}
	}
	s.since(trial)
	if e := s.run(s.command("unlock", "--pin-changed")); e.code != 0 {
		s.t.Fatalf("unlock --pin-changed: exit code %d, %s", e.code, e.stderr)
	}
	s.await("a token after unlock --pin-changed", hasToken)
	return outcome{asks: true}
}

// isFinal reports whether the agent sends the PIN no more before somebody says something.
func (s *site) isFinal() bool {
	s.t.Helper()
	client := s.client()
	defer client.Close()
	status, err := client.Status(s.t.Context())
	s.check(err)
	problem := status.Profiles[0].Problem
	return problem != nil && problem.Code == agent.CodePINRefused && problem.Final
}

// runRecovery runs a cell.
func (l *faultLab) runRecovery(t *testing.T, row recovery, column recoveryColumn) outcome {
	s := l.newSite(t, row.fault, inFile)
	if row.moment == "" {
		return l.checked(t, s.correct(column), false)
	}
	trial := &trial{worked: column.worked, over: make(chan error, 1)}
	s.give(s.device.right)
	return l.checked(t, column.run(s, trial), row.asks && !column.worked)
}

// checked fails the test unless an outcome is as promised.
func (l *faultLab) checked(t *testing.T, o outcome, asks bool) outcome {
	t.Helper()
	if o.asks != asks {
		t.Errorf("a person is asked: %v, want %v", o.asks, asks)
	}
	if o.took > l.most {
		t.Errorf("a token was there %v after the fault was over", o.took)
	}
	return o
}

// correct has a wrong PIN in a file refused and puts it right there, which nobody says.
func (s *site) correct(column recoveryColumn) outcome {
	s.t.Helper()
	s.give(s.device.wrong)
	if column.name == oneShot {
		if e := s.once("token"); e.code != explain.Human {
			s.t.Fatalf("exit code %d, %s", e.code, e.stderr)
		}
		s.give(s.device.right)
		began := time.Now()
		s.mustSucceed(s.once("token"))
		return outcome{took: time.Since(began)}
	}
	hasToken := s.hasTokenFile
	if column.name == alone {
		s.settings["token_file"] = s.path("run/token")
	}
	s.start()
	if column.name == called {
		callers := s.gather(8)
		defer callers.stop()
		hasToken = callers.hasToken
	}
	s.await("the PIN is refused", s.isFinal)
	s.give(s.device.right)
	began := time.Now()
	s.await("a token", hasToken)
	return outcome{took: time.Since(began)}
}

// recoveryGrid returns the second table.
func (l *faultLab) recoveryGrid(rows []recovery) *grid {
	g := &grid{heads: []string{"what happens to the right PIN", "it is compared"}}
	for _, column := range recoveryColumns {
		g.heads = append(g.heads, column.name)
	}
	for _, row := range rows {
		g.first = append(g.first, []string{row.name, row.moment.compared()})
	}
	g.has = func(row, column int) bool { return includes(rows[row].columns, recoveryColumns[column].name) }
	g.run = func(t *testing.T, row, column int) string {
		return l.runRecovery(t, rows[row], recoveryColumns[column]).String()
	}
	return g
}
