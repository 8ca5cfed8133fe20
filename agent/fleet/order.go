package fleet

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// backAfter is for how long a member leads at least that has taken another's place: one that comes and
// goes must not take the lead along each time, for each costs a login.
const backAfter = time.Minute

// Order is the Election that needs nothing but the members: the first of them leads that answers and
// can. A member that leads says so to the others, which believe it, so that all agree also where each
// sees others fail at another moment.
type Order struct {
	peers *Peers
	log   *slog.Logger

	mu      sync.Mutex
	fit     *agent.Problem // nil: this member can lead
	ended   bool           // Run has, and nothing changes fit any more
	view    View
	changed chan struct{}
}

// NewOrder returns an Order of the members that peers has. logger may be nil.
func NewOrder(peers *Peers, logger *slog.Logger) *Order {
	o := &Order{peers: peers, log: cmp.Or(logger, slog.New(slog.DiscardHandler)), changed: make(chan struct{})}
	peers.onNote(o.decide)
	o.decide()
	return o
}

// Run implements Election.
func (o *Order) Run(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			o.SetFit(agent.Problemf(agent.CodeStopping, "the agent is about to end"))
			o.mu.Lock()
			o.ended = true
			o.mu.Unlock()
			return
		case <-ticker.C: // time itself changes who leads
			o.decide()
		}
	}
}

// View implements Election.
func (o *Order) View() View {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.view
}

// Changed implements Election.
func (o *Order) Changed() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.changed
}

// Suspect implements Election.
func (o *Order) Suspect(address string) { o.peers.Suspect(address) }

// Recheck implements Election.
func (o *Order) Recheck(address string) { o.peers.Recheck(address) }

// SetFit implements Election.
func (o *Order) SetFit(problem *agent.Problem) {
	o.mu.Lock()
	if !o.ended { // what ends does not get better
		o.fit = problem
	}
	o.mu.Unlock()
	o.decide()
}

// decide finds out who leads now.
func (o *Order) decide() {
	o.mu.Lock()
	defer o.mu.Unlock()
	look := o.lookLocked(time.Now())
	leader := look.leader()
	view := View{}
	if leader >= 0 {
		one := look.all[leader]
		view = View{Address: one.Address, Self: one.Self, Since: look.now, Why: look.why(leader)}
	}
	if view.Address == o.view.Address {
		view.Since = o.view.Since
	}
	before := o.view
	o.view = view
	if before.Address == view.Address {
		return
	}
	switch {
	case view.Self:
		o.log.Info("this member leads", "before", before.Address, "why", view.Why)
	case view.Address == "":
		o.log.Info("it is not known which member leads", "before", before.Address)
	default:
		o.log.Info("another member leads", "leader", view.Address, "before", before.Address, "why", view.Why)
	}
	close(o.changed)
	o.changed = make(chan struct{})
}

// look is what is known of all members at a time.
type look struct {
	now   time.Time
	all   []State
	self  int            // which is this one
	fit   *agent.Problem // why it cannot lead
	leads bool           // it does
	since time.Time
}

func (o *Order) lookLocked(now time.Time) *look {
	l := &look{now: now, all: o.peers.States(), fit: o.fit, leads: o.view.Self, since: o.view.Since}
	l.self = slices.IndexFunc(l.all, func(s State) bool { return s.Self })
	return l
}

// canLead reports whether a member is there and able to.
func (l *look) canLead(i int) bool {
	if i == l.self {
		return l.fit == nil
	}
	return l.all[i].isThere() && l.all[i].Told.Fit
}

// claims reports whether another member says that it leads.
func (l *look) claims(i int) bool { return i != l.self && l.all[i].isThere() && l.all[i].Told.Leads }

// first returns the first member of which something is so; -1: of none.
func (l *look) first(is func(int) bool) int {
	for i := range l.all {
		if is(i) {
			return i
		}
	}
	return -1
}

// leader returns which member leads; -1: that is not known yet.
func (l *look) leader() int {
	if l.leads && !l.yields() {
		return l.self
	}
	able := l.first(l.canLead)
	if claims := l.first(func(i int) bool { return l.claims(i) && (l.canLead(i) || able < 0) }); claims >= 0 {
		return claims
	}
	if !l.leads && slices.ContainsFunc(l.all, func(s State) bool { return !s.Known }) {
		return -1
	}
	if able < 0 {
		able = l.first(func(i int) bool { return l.all[i].isThere() })
	}
	return able
}

// yields reports whether this member, which leads, gives the lead away: to an earlier one that leads,
// too; to any that can, if this one cannot; or after a while to an earlier one.
func (l *look) yields() bool {
	other := l.first(func(i int) bool { return i != l.self && l.canLead(i) })
	earlier := other >= 0 && other < l.self
	switch {
	case l.fit != nil:
		return other >= 0
	case !earlier:
		return false
	}
	return l.first(func(i int) bool { return i < l.self && l.claims(i) && l.canLead(i) }) >= 0 || l.now.Sub(l.since) >= backAfter
}

// why says why that member leads.
func (l *look) why(leader int) string {
	var before []string
	for i, one := range l.all[:leader] {
		switch {
		case i == l.self && l.fit != nil:
			before = append(before, one.Address+" cannot: "+l.fit.Message)
		case one.Err != nil:
			before = append(before, one.Address+": "+one.Err.Error())
		case !l.canLead(i):
			before = append(before, one.Address+" cannot: "+one.Told.Problem)
		default:
			before = append(before, one.Address+" is back, and has the lead again soon")
		}
	}
	if len(before) == 0 {
		return "it is the first of the members"
	}
	return strings.Join(before, "; ")
}
