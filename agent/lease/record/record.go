// Package record is what stands in the record of a lease, by which agents agree on who of them leads,
// and what a store of it answers. The stores are packages postgres and kubernetes, and package lease
// decides what is written.
//
// There is no secret in it: no token, PIN or key. Whoever may write to the store can have another
// member lead, and can read who does; what a member is is said by its certificate alone.
package record

import (
	"errors"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// Record says who leads.
type Record struct {
	// Holder is the process that leads, by a name that no other has had; "": nobody does, because the
	// last one has given the lease away.
	Holder string

	Address string // where the holder can be reached by the other members
	Epoch   uint64 // grows by at least one with each holder

	// AuditHead is the head of the holder's audit log when the record was written: a place outside of
	// that machine where it is seen whether lines were taken off its end.
	AuditHead string

	Reason   string        // why this holder leads, or why nobody does
	Duration time.Duration // for how long the record counts after it was last written

	// Since is when the holder got the lease, by the clock of the store or of the holder; for people.
	// A store that has a clock sets it itself.
	Since time.Time
}

// Stored is a record as a store has it.
type Stored struct {
	Record

	// Version is what a write must name to replace this record; "": there is none.
	Version string

	// Beat is another one after each renewal. Version may change for other reasons as well.
	Beat string

	// Left is for how long the record counts yet by the store's clock, where HasClock says that it has one.
	Left     time.Duration
	HasClock bool
}

// How a store answers besides. Any other error is that the store cannot be used now: it says what to do
// about it, and names no password.
var (
	ErrNone    = errors.New("there is no lease yet")
	ErrChanged = errors.New("another member has written the lease")
)

// Limits of text, in characters. A record that somebody else wrote is cut to them.
const (
	mostName   = 300
	mostReason = 500
)

// Bounded returns the record with texts that can be shown and stored.
func (r Record) Bounded() Record {
	for _, text := range []*string{&r.Holder, &r.Address, &r.AuditHead} {
		*text = printable.Cut(printable.Line(*text), mostName)
	}
	r.Reason = printable.Cut(printable.Line(r.Reason), mostReason)
	return r
}
