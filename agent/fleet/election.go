package fleet

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Election says which member leads. All its methods may be called at the same time, before Run too.
type Election interface {
	// Run takes part until ctx ends, and then gives the lead away.
	Run(ctx context.Context)

	// View returns who leads, as far as is known here. It is quick.
	View() View

	// Suspect says that the port of a member has refused a connection. If it is the one that leads,
	// another takes its place at once.
	Suspect(address string)

	// Recheck says that a member may lead no more: who does is looked at again at once.
	Recheck(address string)

	// SetFit says why this member cannot lead: its device has failed, its PIN was refused, it is locked.
	// It gives the lead away then if there is another that can. nil: it can.
	SetFit(problem *agent.Problem)

	// Changed returns a channel that is closed when View has another answer. To miss none, get the channel
	// before the View.
	Changed() <-chan struct{}
}

// View is who leads.
type View struct {
	Address string // of the member that leads, as members has it; "": that is not known yet
	Self    bool   // it is this one

	Since time.Time // when it began, as far as this member has seen it
	Epoch uint64    // counts the leads, where the election does; 0: it does not
	Why   string    // it leads, and no other, in words

	// Answered is when the store of the election last did what it was asked; of one that never has, when it
	// was asked first. Zero: there is no store.
	Answered time.Time

	Trouble error // what keeps the election from knowing better, such as a store that is away; nil: nothing
}
