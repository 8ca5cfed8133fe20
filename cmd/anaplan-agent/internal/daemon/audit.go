package daemon

// The audit log: what callers did, as the server tells it, and what the agent did for
// them, as the Keepers tell it.

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// recorder returns what writes down what callers did; nil without an audit log, so that
// nothing is prepared for it at each token.
func (d *agentProcess) recorder() func(server.Record) error {
	if d.audit == nil {
		return nil
	}
	return d.record
}

// record writes down what a caller did. What cannot be written down is not done: the server refuses
// it. What is done already is written down later.
func (d *agentProcess) record(record server.Record) error {
	entry := audit.Entry{
		Action:     callerActions[record.Action],
		Profile:    record.Profile,
		Result:     string(record.Code),
		Caller:     &audit.Caller{UID: record.Peer.UID, SID: record.Peer.SID, PID: record.Peer.PID, Executable: record.Peer.Executable(), Certificate: record.Certificate, Address: record.Address, Original: record.Original},
		Client:     record.Client,
		Generation: record.Generation,
	}
	if call := record.Call; call.Method != "" {
		entry.Call = &audit.Call{
			Method: call.Method, Path: call.Path, Status: call.Status,
			Sent: call.Sent, Received: call.Received, Millis: call.Took.Milliseconds(), Trace: call.Trace,
		}
	}
	if record.Done {
		return d.audit.Owe(entry)
	}
	return d.audit.Append(entry)
}

// recordable returns why nothing can be written down; nil if it can.
func (d *agentProcess) recordable() error {
	if d.audit == nil {
		return nil
	}
	return d.audit.Ready()
}

// mayAct is recordable for what signs, logs in and calls, in the words that callers get.
func (d *agentProcess) mayAct() error {
	if d.recordable() == nil {
		return nil
	}
	return server.Unrecordable()
}

// recordedExchange is Anaplan for a Keeper whose actions are all written down: it gets no token
// while they cannot be. A token can be ended all the same.
type recordedExchange struct {
	agent.Exchange
	mayAct func() error
}

// Authenticate implements agent.Exchange.
func (x recordedExchange) Authenticate(ctx context.Context, signed *agent.Login) (agent.Token, error) {
	if err := x.mayAct(); err != nil {
		return agent.Token{}, err
	}
	return x.Exchange.Authenticate(ctx, signed)
}

// Refresh implements agent.Exchange.
func (x recordedExchange) Refresh(ctx context.Context, token agent.Token) (agent.Token, error) {
	if err := x.mayAct(); err != nil {
		return agent.Token{}, err
	}
	return x.Exchange.Refresh(ctx, token)
}

// callerActions are the server's actions in the audit log.
var callerActions = map[server.Action]audit.Action{
	server.ActionToken:  audit.Token,
	server.ActionLogin:  audit.Login,
	server.ActionLogout: audit.Logout,
	server.ActionUnlock: audit.Unlock,
	server.ActionLock:   audit.Lock,
	server.ActionReload: audit.Reload,
	server.ActionStop:   audit.Stop,

	server.ActionRenewCA: audit.RenewCA,
	server.ActionDenied:  audit.Denial,

	server.ActionPhantom: audit.Phantom,
	server.ActionCall:    audit.CallMade,
	server.ActionTunnel:  audit.Tunnel,
}

// ownActions are a Keeper's doings in the audit log.
var ownActions = map[agent.EventKind]audit.Action{
	agent.EventSign:    audit.Signature,
	agent.EventLogin:   audit.Login,
	agent.EventRefresh: audit.Refresh,
	agent.EventLogout:  audit.Logout,
}

// recordEvent writes down what a Keeper did, and with which key ("key 2 of 2"; "": there is
// one). It is done already, so what cannot be written down now is so later.
func (d *agentProcess) recordEvent(profile string, event agent.Event, key string) {
	action, ok := ownActions[event.Kind]
	if d.audit == nil || !ok {
		return
	}
	entry := audit.Entry{Action: action, Profile: profile, Generation: event.Lease.Generation}
	if event.Problem != nil {
		entry.Result = string(event.Problem.Code)
	}
	if event.Certificate != nil {
		fingerprint := sha256.Sum256(event.Certificate.Raw)
		entry.Detail = "certificate sha256:" + hex.EncodeToString(fingerprint[:])
		if key != "" {
			entry.Detail += ", " + key
		}
	}
	d.audit.Owe(entry) // the log tells when that fails
}
