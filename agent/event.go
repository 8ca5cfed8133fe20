package agent

import (
	"crypto/x509"
	"time"
)

// Event is something that a Keeper did.
type Event struct {
	Kind     EventKind
	Took     time.Duration
	Problem  *Problem // nil: it went well
	Err      error    // the cause of Problem, for the log
	Lease    Lease    // of a good EventLogin or EventRefresh
	Attended bool     // a caller waits
	State    State    // of an EventState: the new one

	Certificate *x509.Certificate // of a good EventSign: whose key has signed; may be nil
}

// EventKind is the kind of an Event.
type EventKind string

// Kinds of events.
const (
	EventSign    EventKind = "sign"
	EventLogin   EventKind = "login" // the exchange, after the signature
	EventRefresh EventKind = "refresh"
	EventLogout  EventKind = "logout"
	EventIdle    EventKind = "idle"  // nobody has asked for Idle: the token is left to end
	EventState   EventKind = "state" // the State has changed
)
