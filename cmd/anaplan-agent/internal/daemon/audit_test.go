package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// audited returns an agent that has nothing but an audit log.
func audited(t *testing.T) (*agentProcess, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log", "audit.log")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := audit.Open(path, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return &agentProcess{audit: log, log: slog.New(slog.DiscardHandler)}, path
}

// TestRecordsBecomeLines has all of a record in its line.
func TestRecordsBecomeLines(t *testing.T) {
	d, path := audited(t)
	err := d.record(server.Record{
		Action: server.ActionCall, Profile: "p", Peer: local.Peer{UID: 1, PID: 2}, Client: "client:c", Code: "unreachable", Generation: 3,
		Call: server.Call{Method: "PUT", Path: "/2/0/x", Status: 204, Sent: 11, Received: 22, Took: 1234567 * time.Microsecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	want := `"action":"call","profile":"p","result":"unreachable","caller":{"uid":1,"pid":2},"client":"client:c",` +
		`"call":{"method":"PUT","path":"/2/0/x","status":204,"sent":11,"received":22,"ms":1234},"generation":3,`
	if err != nil || !strings.Contains(string(text), want) {
		t.Errorf("got %s, want ...%s... (%v)", text, want, err)
	}
}

// countingExchange counts what would go to Anaplan.
type countingExchange struct{ authenticated, refreshed, ended int }

func (x *countingExchange) Authenticate(context.Context, *agent.Login) (agent.Token, error) {
	x.authenticated++
	return agent.Token{}, nil
}

func (x *countingExchange) Refresh(context.Context, agent.Token) (agent.Token, error) {
	x.refreshed++
	return agent.Token{}, nil
}

func (x *countingExchange) Logout(context.Context, agent.Token) error {
	x.ended++
	return nil
}

// TestKeepersGetNothingUnrecorded has a Keeper work by itself while nothing can be written down.
func TestKeepersGetNothingUnrecorded(t *testing.T) {
	d, path := audited(t)
	var anaplan countingExchange
	exchange := recordedExchange{&anaplan, d.mayAct}
	try := func() (errs []error) {
		_, login := exchange.Authenticate(t.Context(), nil)
		_, refresh := exchange.Refresh(t.Context(), agent.Token{})
		_, sign := (&servedProfile{process: d}).sign(t.Context(), false, nil)
		return []error{login, refresh, sign}
	}
	os.RemoveAll(filepath.Dir(path))
	d.recordEvent("p", agent.Event{Kind: agent.EventRefresh}, "")
	for _, err := range try() {
		if problem, ok := errors.AsType[*agent.Problem](err); !ok || problem.Code != agent.CodeAuditFailed || problem.Final {
			t.Errorf("%v", err)
		}
	}
	if err := exchange.Logout(t.Context(), agent.Token{}); err != nil || anaplan != (countingExchange{ended: 1}) {
		t.Errorf("%+v, %v", anaplan, err)
	}
	os.Mkdir(filepath.Dir(path), 0o700)
	if err := d.mayAct(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), `"action":"refresh"`) {
		t.Errorf("what was done is not written: %s, %v", text, err)
	}
	if _, err := exchange.Refresh(t.Context(), agent.Token{}); err != nil || anaplan.refreshed != 1 {
		t.Errorf("%+v, %v", anaplan, err)
	}
}
